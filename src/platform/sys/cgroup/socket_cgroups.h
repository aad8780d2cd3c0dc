// Which cgroups of version 2 the sockets of a network namespace belong to. A socket belongs to the cgroup in which it
// was made, whatever its process did later, and rules that match by cgroup see it so.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "core/base/result.h"
#include "platform/sys/network/netns.h"

namespace ordeal::sys {

struct MadeSocket {
  uint64_t cgroup = 0;  // the id of the cgroup in which it was made
  uint64_t inode = 0;   // as /proc/PID/fd names it; 0 when no process holds it any more
};
// All TCP and UDP sockets of the namespace whose cgroup is known.
Result<std::vector<MadeSocket>> made_sockets(const NetNs& where);

// The ids (inodes of the folders) of the cgroups of all TCP and UDP sockets in the namespace.
Result<std::set<uint64_t>> socket_cgroups(const NetNs& where);

}  // namespace ordeal::sys
