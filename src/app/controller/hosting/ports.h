// Ports: how the controller meets the world: the API server, its clocks, and what blocks or looks at other programs. A
// test gives its own; program.cc gives the real ones.
#pragma once

#include <functional>
#include <string>

#include "run/session/cluster/cluster_session.h"
#include "run/session/watching.h"

namespace ordeal::controller {

struct Ports {
  session::Send send;
  session::Now now;
  std::function<Nanos()> wall;
  std::string identity;                  // in the Lease and in status.holder
  std::string namespace_;                // of the release
  std::string policy_origin = "policy";  // what it is called
  bool rollback = false;                 // an experiment may have one
  bool may_inject = true;                // false where the installation only plans and watches
  int keep_records = 50;                 // of each namespace

  using SourceChecked = std::function<void(Result<session::SourceCheck>)>;
  // Asks the sources of an experiment whether they answer; takes seconds, so elsewhere.
  std::function<void(const Experiment&, const watch::SourceLogin&, SourceChecked)> check_source;
  std::function<Result<session::SessionParts>(const session::ClusterPrepared&, const watch::SourceLogin&,
                                              const std::string& run, engine::Inbox&)>
      make_parts;
  std::function<uint64_t()> random;
  std::function<void(const std::string&)> log;
};

}  // namespace ordeal::controller
