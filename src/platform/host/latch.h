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
  // Something may still be in force. Also of a latch that cannot be read.
  bool revert_failed = false;
  std::string requested_beside;  // the latch beside which the request was found; "" of a latch itself
};

std::optional<LatchState> latch_engaged(const Paths& paths);
// kRefused while one is engaged.
Result<> check_latch(const Paths& paths);
// The first latch that a failed revert engaged, or that cannot be read, of those that bind us.
std::optional<LatchState> failed_revert(const Paths& paths);
// In place of what was there. Where there is no room for the reason it is engaged without one.
Result<> engage_latch(const Paths& paths, const std::string& reason, const std::string& by, Nanos wall);
Result<> engage_for_failed_revert(const Paths& paths, const std::string& what, const std::string& by);
// For a person's halt. As root, a request that stands beside the latch gives its own reason and name instead; the
// reason of a failed revert stays.
Result<> engage_for_person(const Paths& paths, const std::string& reason, const std::string& by);
// As root: a request beside any of the latches that bind us engages that latch, so that whoever asked cannot take it
// back. Requests of runs that have ended are removed.
Result<> adopt_requests(const Paths& paths);
// The same with a request that was read already, which may be gone by now. It does not wait for the disk.
Result<> adopt_request(const LatchState& asked);
// Waits for the disk, so that a loss of power does not release what was adopted.
void sync_adopted(const LatchState& asked);
// The first of the latches only, with the requests beside it. False when it was not engaged. kRefused: it is not ours.
Result<bool> release_latch(const Paths& paths);

}  // namespace ordeal::host
