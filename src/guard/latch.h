// The halt latch: while it is engaged nothing starts, and what runs ends. One file, halt.json, readable by all.
// A file that exists and cannot be read or parsed counts as engaged.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "guard/paths.h"

namespace ordeal::guard {

struct LatchState {
  std::string reason;
  std::string by;
  std::string since;  // RFC 3339, or "" when unreadable
};

std::optional<LatchState> latch_engaged(const Paths& paths);
Result<> engage_latch(const Paths& paths, const std::string& reason, const std::string& by, Nanos wall);
// The first of the latches only. False when it was not engaged.
Result<bool> release_latch(const Paths& paths);

}  // namespace ordeal::guard
