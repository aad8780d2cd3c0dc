// The cgroups of the reaper and of its standby: outside the engine's and the guard's, and each other's, so that killing
// one as a whole spares the others. They lie at the top of the host's tree: in a cluster outside of every pod, so that
// the end of the agent's pod, which kills all that is in its cgroups, spares them too.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::host {

enum class Role { kReaper, kStandby };

// A container that sees the processes of its host has a cgroup namespace of its own all the same, in which every path
// outside of it begins with "/..". Enters that of the PID namespace's first process, so that paths are the host's; what
// is started afterwards is in it too. For the calling thread: before others are started. An error is no harm where the
// namespaces are the same one and this process may not see that.
Result<> enter_cgroup_namespace_of_init();

// The hierarchy in which reaper and standby get their cgroups: the one by which the whole of a service or pod is found
// and killed. Null where its top cannot be seen through the mount: what is made there would lie in our own container.
const sys::Hierarchy* hierarchy_for_own_cgroup(const sys::CgroupTree& tree);
// Whether a process is outside of every pod by all of its memberships.
bool outside_of_pods(const sys::Process& process);

// Moves this process into /ordeal-reaper-RUN (or /ordeal-standby-RUN) of the cgroup 2 tree, and of each v1 hierarchy in
// which it is not at the root. False when that is refused, or when it would still be in a pod's cgroup.
bool enter_own_cgroup(const std::string& run_id, Role role = Role::kReaper);
// Moves this process to the root if it is in there, and removes that cgroup; none is success. Also for whoever cleans
// up after a dead reaper: one that is still exiting keeps the cgroup busy for some milliseconds, so it tries until
// `patience` is over.
Result<> leave_own_cgroup(const std::string& run_id, Role role = Role::kReaper, Nanos patience = Nanos(0));

// Removes those that nobody is in, of whatever run: of a process that was killed after everything else of its run had
// been removed. One that was made a moment ago is somebody's who is about to enter it.
void remove_empty_cgroups();

}  // namespace ordeal::host
