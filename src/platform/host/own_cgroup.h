// The cgroups of the reaper and of its standby: outside the engine's and the guard's, and each other's, so that killing
// one as a whole spares the others.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::host {

enum class Role { kReaper, kStandby };

// Moves this process into /ordeal-reaper-RUN (or /ordeal-standby-RUN) of the cgroup 2 tree, and of each v1 hierarchy in
// which it is not at the root. False when that is refused.
bool enter_own_cgroup(const std::string& run_id, Role role = Role::kReaper);
// Moves this process to the root if it is in there, and removes that cgroup; none is success. Also for whoever cleans
// up after a dead reaper: one that is still exiting keeps the cgroup busy for some milliseconds, so it tries until
// `patience` is over.
Result<> leave_own_cgroup(const std::string& run_id, Role role = Role::kReaper, Nanos patience = Nanos(0));

// Removes those that nobody is in, of whatever run: of a process that was killed after everything else of its run had
// been removed. One that was made a moment ago is somebody's who is about to enter it.
void remove_empty_cgroups();

}  // namespace ordeal::host
