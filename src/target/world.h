// World: what a selection looks at, read once: the processes, the cgroups, and which processes run Ordeal.
// Filled by hand in tests.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/cgroup.h"
#include "sys/process.h"

namespace ordeal::target {

struct World {
  std::string host;
  std::vector<sys::Process> processes;
  sys::CgroupTree cgroups;
  std::set<pid_t> own;  // this process and its ancestors

  static Result<World> look();
};

}  // namespace ordeal::target
