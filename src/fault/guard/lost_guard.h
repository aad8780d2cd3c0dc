// What is done about a guard that is gone or hangs: the standby sees to it that nothing of the run lives or is in force
// any more. For whoever hosts a run, after a GuardEvent of kGuardGone. It waits, 10.4 s at most, and 6 s more where the
// standby is gone, too.
#pragma once

#include <string>

#include "fault/guard/link/client.h"
#include "platform/host/paths.h"

namespace ordeal::guard {

struct LostGuard {
  std::string failed;  // what may still be in force; "" is nothing
  std::string how;     // what became of it, in words
};

LostGuard end_lost_run(GuardClient& guard, const GuardEvent& event, const host::Paths& paths,
                       const std::string& run_id);

}  // namespace ordeal::guard
