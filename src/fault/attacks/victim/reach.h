// Reach: whom an attack on a victim hits as long as it is in force, whoever they are: more than the victim where what
// it changes is shared (a network namespace, a cgroup's quota, what is nested), and whoever joins later.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/victim.h"
#include "fault/attacks/victim/protection.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {

struct Reach {
  // The fault chooses each process at the moment of the act, and judges it then (process_killer).
  bool chosen = false;
  bool host = false;                 // everything on it
  std::string cgroup;                // what is in it or below it, in any hierarchy
  bool of_victim_only = false;       // and nobody joins that cgroup but what the victim has started
  std::vector<ProcessId> processes;  // just these
  uint64_t netns_mark = 0;           // what lives in this network namespace (sys::netns_mark)
  bool gives_way = false;            // a newcomer there is left alone (Impact::leave_others_alone()), and ends nothing
  // The processes of the reach are beside what is hit: they share a host or a quota with it. Then what is always
  // protected may be there, as it is on every host; what a policy protects may not.
  bool beside = false;
};

// The victim as a whole: the host, its cgroup, or its processes.
Reach whole_victim(const Victim& victim);

// The live processes in reach.
Result<std::vector<sys::Process>> in_reach(const Reach& reach);
std::optional<std::string> refusal_in(const Reach& reach, const sys::Process& process, const Protection& protection);
// kRefused when somebody in reach may not be hit, naming them and the rule.
Result<> refuse_protected_in(const Reach& reach, const Protection& protection);

}  // namespace ordeal::fault
