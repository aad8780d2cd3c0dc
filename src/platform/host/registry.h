// Registry: which run of this host holds which resource, so that two impacts never meet on one.
// Each live run has a folder below Paths::run with a lock that its guard and its reaper hold; claims of a run whose
// lock is free are an earlier death's and are removed. Every change is made under one host-wide lock.
// The lock decides who lives. It names its holders too, since a killed process keeps its locks until it has exited.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/model/input/policy.h"
#include "core/model/victim.h"
#include "platform/host/paths.h"

namespace ordeal::host {

// One run's place in the registry, for as long as the descriptor is open.
class Registration {
 public:
  static Result<Registration> enter(const Paths& paths, const std::string& run_id);

  // Takes the claims, or says who holds one that meets them (kRefused; model/claim.h).
  // `check_caps` sees the load of the other runs under the lock.
  Result<> claim(const std::vector<std::string>& claims, const std::vector<Policy>& policies, int64_t new_targets,
                 int64_t candidates);
  // Whether it could be taken if this run held no claims. Nothing is taken.
  Result<> check(const std::vector<std::string>& claims, const std::vector<Policy>& policies, int64_t new_targets,
                 int64_t candidates) const;
  Result<> release(const std::vector<std::string>& claims, int64_t targets);
  // Removes the run's folder. The lock ends with the descriptors.
  void leave();

  int lock_fd() const { return lock_.get(); }
  const std::string& folder() const { return folder_; }

 private:
  Registration(Paths paths, std::string run_id, UniqueFd lock);
  Result<> check_others(const std::vector<std::string>& claims, const std::vector<Policy>& policies,
                        int64_t new_targets, int64_t candidates) const;
  Result<> write() const;

  Paths paths_;
  std::string run_id_;
  std::string folder_;
  UniqueFd lock_;
  std::vector<std::string> claims_;
  int64_t targets_ = 0;
};

// Names a process in the run's lock as one that holds it.
Result<> name_holder(int lock_fd, pid_t pid);
// Whom the run's lock names: its guard and its reaper. kRefused when they are of a PID namespace that is not ours.
Result<std::vector<ProcessId>> holders_of(const Paths& paths, const std::string& run_id);

struct ActiveRun {
  std::string run;
  std::vector<std::string> claims;
  int64_t targets = 0;
  // Something of it is in force, or about to be.
  bool holds() const { return !claims.empty() || targets > 0; }
};
// The live runs; cgroups and folders of dead ones are removed on the way where that needs no waiting.
Result<std::vector<ActiveRun>> active_runs(const Paths& paths);

// The same for those who may read a registry and not lock it: dead runs that nobody has removed yet are among them.
Result<std::vector<ActiveRun>> recorded_runs(const Paths& paths);

enum class RunLiveness {
  kLive,   // somebody holds the run's lock and runs
  kDying,  // whoever holds it is exiting: it will be free within milliseconds
  kDead,
};
Result<RunLiveness> liveness_of(const Paths& paths, const std::string& run_id);
// Removes the cgroup and the folder of a dead run, if they are there. False: it is not dead (yet). An error says what
// cannot be removed.
Result<bool> remove_dead_run(const Paths& paths, const std::string& run_id);

// kRefused when one of the claims meets one that a live run holds, naming both.
Result<> check_conflicts(const std::vector<ActiveRun>& active, const std::vector<std::string>& claims);

// Asks a live run to end. kNotFound when it is not live.
Result<> request_halt(const Paths& paths, const std::string& run_id, const std::string& reason);

}  // namespace ordeal::host
