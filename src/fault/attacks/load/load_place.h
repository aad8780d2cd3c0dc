// Where a load goes: the cgroup of the victim whose limits and account count for a controller.
#pragma once

#include <string>
#include <vector>

#include "core/model/victim.h"
#include "fault/attacks/victim/live_victim.h"
#include "fault/attacks/victim/reach.h"

namespace ordeal::fault {

// The first of the victim's processes; of a pod not its sandbox.
const sys::Process& process_at_work(const Victim& victim, const LiveVictim& live);

// Whose mounts and root count: of a host its init.
Result<sys::Process> process_that_sees(const Victim& victim, const LiveVictim& live);

// "/" for a host. A v2 cgroup that hands its controllers down takes no process itself, so there the first process says
// which one below it; of a pod not its sandbox, which has no work and no limit of its own.
std::string loaded_cgroup(const Victim& victim, const LiveVictim& live, const std::string& controller);

// In v1 each controller may have a hierarchy of its own: all those in which we are not there yet.
std::vector<sys::Cgroup> cgroups_to_join(const LiveVictim& live, const std::string& path,
                                         const std::vector<std::string>& controllers);

// Of two cgroups above the same victim, the one nearer to the root; "" is none.
std::string higher(std::string a, std::string b);

// Everybody in `top`, the topmost cgroup whose limit is used up. What is always protected may share a host, and nothing
// smaller.
Reach reach_of_load(const Victim& victim, const std::string& top);

// Of the load on the cgroup: its field in all of `top`, and that a process of ours lives in the cgroup.
std::vector<std::string> claims_of_load(const std::string& top, const std::string& cgroup, const std::string& field);

// Says so where more than the loaded cgroup is hit.
void note_top(const std::string& top, const std::string& cgroup, std::vector<std::string>& notes);

}  // namespace ordeal::fault
