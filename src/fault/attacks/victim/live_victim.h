// LiveVictim: what of a Victim is alive right now, with every identity checked again (start times, cgroup inode).
// It also remembers where its cgroup is. A snapshot: open a PidFd before acting on a process of it.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/victim.h"
#include "fault/attacks/victim/protection.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {

struct LiveVictim {
  sys::CgroupTree tree;
  std::vector<sys::Process> processes;  // alive ones; for a host all of it
};

// kNotFound when the victim is gone: its cgroup was removed or replaced, or all its processes ended.
Result<LiveVictim> look_at(const Victim& victim);

// Cheaper, for a victim with a cgroup: true while that very cgroup exists; else: while one of its processes does.
bool still_there(const Victim& victim);

// kRefused when a process of the victim is always protected, naming it.
Result<> refuse_protected(const LiveVictim& live, const Protection& protection = Protection());

// kRefused when a process of the victim is in a frozen cgroup, naming it: what is frozen does not notice a load, and
// dies of a kill only when it is thawed, whenever that is.
Result<> refuse_frozen(const LiveVictim& live);

// What an impact on this field of the victim claims (model/claim.h): of its cgroup, else of each of the processes and a
// part of the cgroups that hold them, else of the host.
std::vector<std::string> claims_on(const Victim& victim, const LiveVictim& live, const std::string& field);

// "nginx (pid 12), nginx (pid 13) and 4 more"
std::string name_some(const std::vector<sys::Process>& processes);

}  // namespace ordeal::fault
