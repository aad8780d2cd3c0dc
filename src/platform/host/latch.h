// The halt latch: while it is engaged nothing starts, and what runs ends. One file, halt.json, readable by all.
// Whatever has that name and cannot be read or parsed counts as engaged: a folder, a pipe, a link to nothing, a file of
// a user whom we cannot read. So does a state folder that is a link to nothing, and a request for a halt beside it
// (halt_request.h). Nothing here waits.
#pragma once

#include <optional>
#include <string>

#include "core/base/clock.h"
#include "platform/host/paths.h"

namespace ordeal::host {

struct LatchState {
  std::string reason;
  std::string by;
  std::string since;  // RFC 3339, or "" when unreadable
};

std::optional<LatchState> latch_engaged(const Paths& paths);
// kRefused while one is engaged.
Result<> check_latch(const Paths& paths);
// Where there is no room for the reason it is engaged without one.
Result<> engage_latch(const Paths& paths, const std::string& reason, const std::string& by, Nanos wall);
// As root: a request beside the latch that is ours engages it, so that whoever asked cannot take that back. Requests of
// runs that have ended are removed.
Result<> adopt_requests(const Paths& paths);
// The first of the latches only, with the requests beside it. False when it was not engaged. kRefused: it is not ours.
Result<bool> release_latch(const Paths& paths);

}  // namespace ordeal::host
