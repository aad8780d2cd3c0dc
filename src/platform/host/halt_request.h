// Halting by who may not: members of the group `ordeal` end what root runs, and start, resume or change nothing.
// Beside root's latch stands the folder halt-requests (root:ordeal, 1775). A request is a name in it: the id of a run,
// or any other for everything; of a symbolic link the target says why, the owner who. Root lists names, reads links and
// removes names there, and never follows or writes anything, so whatever is put there leads nowhere. A folder that is
// not empty is moved to halt-requests.removed (0700) and emptied there.
#pragma once

#include <optional>
#include <string>

#include "core/base/result.h"
#include "platform/host/paths.h"

namespace ordeal::host {

constexpr const char* kHaltGroup = "ordeal";

struct HaltRequest {
  std::string reason;
  std::string by;
  std::string since;  // RFC 3339
};

std::string requests_folder(const std::string& latch);

// As root, where the host has the group: the folder beside the latch that is ours. Nothing otherwise. One that belongs
// to a group already stays as it is.
Result<> make_requests_folder(const Paths& paths);
// Whether this process may ask there, and may not simply set the latch.
bool may_request(const Paths& paths);
// Asks for a halt of that run, or of everything ("").
Result<> ask_for_halt(const Paths& paths, const std::string& run_id, const std::string& reason);

// Of everything, beside that latch. A folder that cannot be read asks for it.
std::optional<HaltRequest> requested_halt(const std::string& latch);
// Of that run, beside any of the latches that bind it.
std::optional<HaltRequest> requested_halt_of(const Paths& paths, const std::string& run_id);
// Beside the latch that is ours: those of everything, or that of one run. An error names the path that stays.
Result<bool> remove_requests(const Paths& paths);
void remove_request_of(const Paths& paths, const std::string& run_id);
// Those of runs that have ended, as root.
void remove_old_requests(const Paths& paths);

}  // namespace ordeal::host
