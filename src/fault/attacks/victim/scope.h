// Scope: whether a victim is alone with what a fault would touch.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/model/victim.h"
#include "fault/attacks/victim/reach.h"
#include "fault/packets/traffic.h"
#include "platform/sys/network/netns.h"

namespace ordeal::fault {

// A rule for the victim's whole network namespace hits only the victim. kRefused names the other processes in it.
// A host victim owns the host's namespace; nobody else does.
Result<> owns_netns(const Victim& victim);

// How the packets of a victim are told apart in its network namespace.
struct NetScope {
  std::optional<packets::SocketScope> sockets;  // those of sockets that were made in its cgroup
  std::string cgroup;                           // which; "" without `sockets`
  bool alone = false;                           // nobody else lives in the namespace
};
// By its cgroup wherever that can be: then nobody who joins the namespace is hit. It cannot be without a cgroup of
// version 2 that holds the victim, when the victim's sockets were made before it came into its cgroup, or where ports
// are redirected, so that what arrives names no socket. Then it is the whole namespace, and kRefused when the victim is
// not alone there and has no such cgroup. A host is alone, and has no scope. A lone process has such a cgroup where it
// stands alone in it with what it has started, and nobody else holds a socket that was made there.
Result<NetScope> net_scope(const Victim& victim, const sys::NetNs& netns);

// The ids of that cgroup of version 2 and of those below it, as sockets name the one in which they were made.
Result<std::set<uint64_t>> socket_cgroup_ids(const std::string& cgroup);

// Whoever is in the cgroup of its scope, which is the victim's own or that of a lone process.
Reach cgroup_reach(const Victim& victim, const std::string& cgroup);

// Whoever lives in the victim's network namespace, now and later.
Result<Reach> netns_reach(const Victim& victim);

}  // namespace ordeal::fault
