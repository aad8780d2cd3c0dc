// Heartbeats between guard and reaper: every 100 ms while an impact is in force, else every 5 s (DESIGN §4.5).
#pragma once

#include "base/clock.h"

namespace ordeal::guard {

inline Nanos beat_interval(bool impact_in_force) { return impact_in_force ? Nanos(100ms) : Nanos(5s); }

}  // namespace ordeal::guard
