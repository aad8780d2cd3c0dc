// Where Ordeal keeps its state on this host. As root /var/lib/ordeal and /run/ordeal; otherwise the XDG folders;
// with --state-dir everything below that folder, also the registry of who holds what. The host's latch binds them all.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace ordeal::host {

struct Paths {
  std::string state;                 // halt.json, journal/, runs.sqlite, fingerprints/
  std::string run;                   // registry.lock, one folder per live run
  std::vector<std::string> latches;  // every latch file that binds us; the first is the one we set

  // `state_dir` "" means the defaults.
  static Result<Paths> find(const std::string& state_dir);
  static Paths of_root();
  Result<> make() const;
  // As root: kRefused where others may write to the folders, since they could put links in the way of what root writes.
  // For those who start something; ending is never refused.
  Result<> check_private() const;

  std::string journal_folder() const { return state + "/journal"; }
  std::string journal(const std::string& run_id) const { return journal_folder() + "/" + run_id + ".journal"; }
  // Of the one agent of a node; it stays when the agent has ended.
  std::string agent_lock() const { return run + "/agent.lock"; }
  std::string record() const { return state + "/runs.sqlite"; }
  std::string run_folder(const std::string& run_id) const { return run + "/" + run_id; }
};

}  // namespace ordeal::host
