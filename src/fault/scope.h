// Scope: whether a victim is alone with what a fault would touch (DESIGN §4.9).
#pragma once

#include "base/result.h"
#include "fault/reach.h"
#include "model/victim.h"

namespace ordeal::fault {

// A rule for the victim's whole network namespace hits only the victim. kRefused names the other processes in it.
// A host victim owns the host's namespace; nobody else does.
Result<> owns_netns(const Victim& victim);

// Whoever lives in the victim's network namespace, now and later.
Result<Reach> netns_reach(const Victim& victim);

}  // namespace ordeal::fault
