// The TCP connections of a network namespace as the kernel lists them (sock_diag), and their end by its hand: the peer
// gets a reset, and whoever holds the socket an error (ECONNABORTED). A connection is told from a later one with the
// same addresses by the kernel's cookie.
#pragma once

#include <linux/inet_diag.h>

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "platform/sys/network/netlink.h"
#include "platform/sys/network/netns.h"
#include "platform/sys/network/packet.h"

namespace ordeal::sys {

struct TcpConnection {
  Prefix local, remote;  // whole addresses; IPv4 in an IPv6 socket is IPv4
  uint16_t local_port = 0, remote_port = 0;
  uint64_t inode = 0;   // as /proc/PID/fd names it; 0 when no process holds it any more
  uint64_t cgroup = 0;  // the id of the cgroup in which its socket was made; 0 when it is not known
  uint8_t family = 0;   // of the socket
  bool has_both_ends_here = false;
  inet_diag_sockid id{};

  bool loopback() const;
  bool same_as(const TcpConnection& other) const;
};

class TcpConnections {
 public:
  static Result<TcpConnections> open(const NetNs& where);
  // Those that stand, the peer's end of which may be closed.
  Result<std::vector<TcpConnection>> list();
  // False when it was gone already. kUnsupported where the kernel cannot (CONFIG_INET_DIAG_DESTROY). Needs
  // CAP_NET_ADMIN.
  Result<bool> destroy(const TcpConnection& connection);

 private:
  explicit TcpConnections(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace ordeal::sys
