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

// "/" for a host. A v2 cgroup that hands its controllers down takes no process itself, so there the first process says
// which one below it; of a pod not its sandbox, which has no work and no limit of its own.
std::string loaded_cgroup(const Victim& victim, const LiveVictim& live, const std::string& controller);

// In v1 each controller may have a hierarchy of its own: all those in which we are not there yet.
std::vector<sys::Cgroup> cgroups_to_join(const LiveVictim& live, const std::string& path,
                                         const std::vector<std::string>& controllers);

// Everybody below the limit that is used up. What is always protected may share a host, and nothing smaller.
Reach reach_of_load(const Victim& victim, const std::string& cgroup);

// Of the load on the cgroup: its field, and that a process of ours lives there.
std::vector<std::string> claims_of_load(const Victim& victim, const std::string& cgroup, const std::string& field);

}  // namespace ordeal::fault
