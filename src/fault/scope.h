// Scope: whether a victim is alone with what a fault would touch.
#pragma once

#include <optional>

#include "base/result.h"
#include "fault/reach.h"
#include "model/victim.h"
#include "packets/traffic.h"
#include "sys/netns.h"

namespace ordeal::fault {

// A rule for the victim's whole network namespace hits only the victim. kRefused names the other processes in it.
// A host victim owns the host's namespace; nobody else does.
Result<> owns_netns(const Victim& victim);

// How the packets of a victim are told apart in its network namespace.
struct NetScope {
  std::optional<packets::SocketScope> sockets;  // those of sockets that were made in its cgroup
  bool alone = false;                           // nobody else lives in the namespace
};
// By its cgroup wherever that can be: then nobody who joins the namespace is hit. It cannot be without a cgroup of
// version 2 that holds the victim, when the victim's sockets were made before it came into its cgroup, or where ports
// are redirected, so that what arrives names no socket. Then it is the whole namespace, and kRefused when the victim is
// not alone there and has no such cgroup. A host is alone, and has no scope.
Result<NetScope> net_scope(const Victim& victim, const sys::NetNs& netns);

// Whoever lives in the victim's network namespace, now and later.
Result<Reach> netns_reach(const Victim& victim);

}  // namespace ordeal::fault
