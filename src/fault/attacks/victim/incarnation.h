// Incarnation: how a victim that was killed is known when it comes back: by its cgroup's path, else by the command
// lines of its processes; where the attack names processes, only such count. Taken before the attack; reads /proc and
// the cgroups only, and needs no rights.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/model/input/attack.h"
#include "core/model/victim.h"
#include "fault/attacks/process/process_match.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {

class Incarnation {
 public:
  static Incarnation of(const Victim& victim, const Attack& attack);

  // When the first process of it in the table that began after `since` did begin (to 10 ms); nothing when there is
  // none.
  std::optional<BootTime> back(const std::vector<sys::Process>& table, BootTime since) const;

 private:
  bool is_of_it(const sys::Process& process) const;

  std::string cgroup_;
  bool host_ = false;
  std::set<std::vector<std::string>> command_lines_;  // of a victim without a cgroup
  std::optional<ProcessMatch> match_;
};

}  // namespace ordeal::fault
