// Standstill: whether somebody keeps a process from running, by a stop, a debugger or a frozen cgroup. Reads only.
// A stop that is sent and not yet carried out counts: a process that sleeps in the kernel (state D), or is frozen,
// stops only when it wakes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/process.h"

namespace ordeal::sys {

enum class Stop { kNone, kPending, kStopped, kTraced };
// Of the process as a whole, whichever of its threads shows it. kNone when it is gone.
Stop stop_of(pid_t pid, const std::string& proc = "/proc");

// The frozen cgroup that holds the process: the one that was told to freeze, be it its own or one above it, in version
// 1 or 2. A cgroup that still freezes counts.
std::optional<std::string> frozen_by(const CgroupTree& tree, const Process& process);

struct Still {
  Process process;
  bool frozen = false;
  std::string why;  // "nginx (pid 12) is in the frozen cgroup /shop", "nginx (pid 12) is stopped"
};
// Those that do not run, in the order given.
std::vector<Still> standing_still(const CgroupTree& tree, const std::vector<Process>& processes);

}  // namespace ordeal::sys
