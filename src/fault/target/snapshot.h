// Snapshot: what a selection looks at, read once: the processes, the cgroups, and which processes run Ordeal.
// Filled by hand in tests.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/process.h"

namespace ordeal::target {

struct Snapshot {
  std::string host;
  std::vector<sys::Process> processes;
  sys::CgroupTree cgroups;
  std::set<pid_t> own;  // this process and its ancestors
  std::string root;     // put before the paths of the container engines' files

  static Result<Snapshot> look();
};

}  // namespace ordeal::target
