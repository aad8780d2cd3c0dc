// The reaper's cgroup: outside the engine's and the guard's, so that killing theirs as a whole spares it.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace ordeal::guard {

// Moves this process into /ordeal-reaper-RUN of the cgroup 2 tree, and of each v1 hierarchy in which it is not at the
// root. False when that is refused.
bool enter_own_cgroup(const std::string& run_id);
// Moves this process to the root if it is in there, and removes that cgroup; none is success. Also for whoever cleans
// up after a dead reaper: one that is still exiting keeps the cgroup busy for some milliseconds, so it tries until
// `patience` is over.
Result<> leave_own_cgroup(const std::string& run_id, Nanos patience = Nanos(0));

}  // namespace ordeal::guard
