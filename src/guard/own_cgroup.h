// The reaper's cgroup: outside the engine's and the guard's, so that killing theirs as a whole spares it.
#pragma once

#include <string>

namespace ordeal::guard {

// Moves this process into /ordeal-reaper-RUN of the cgroup 2 tree, and of each v1 hierarchy in which it is not at the
// root. False when that is refused.
bool enter_own_cgroup(const std::string& run_id);
// Moves it to the root and removes that cgroup. Also for a guard that cleans up after a dead reaper.
void leave_own_cgroup(const std::string& run_id);

}  // namespace ordeal::guard
