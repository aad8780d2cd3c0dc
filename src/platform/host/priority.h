// Guard and reaper must run although the load they make, or that of others, fills the machine.
#pragma once

#include <string>

#include "core/base/clock.h"

namespace ordeal::host {

// SCHED_FIFO, else nice -20, else nothing; children start at normal priority again. Memory is locked as it is
// touched. Returns how long a silent peer may be silent before it counts as dead: 500 ms, or 2 s without priority.
Nanos raise_priority();

}  // namespace ordeal::host
