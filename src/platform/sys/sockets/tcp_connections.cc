#include "platform/sys/sockets/tcp_connections.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <tuple>

namespace ordeal::sys {
namespace {

constexpr uint16_t kIdOfCgroup = 21;  // INET_DIAG_CGROUP_ID; since Linux 5.8
constexpr uint8_t kDestroy = 21;      // SOCK_DESTROY
constexpr uint32_t kStanding = 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT;

Prefix address_of(uint8_t family, const uint32_t* words) {
  constexpr uint32_t kMapped = 0x0000ffff;
  bool mapped = family == AF_INET6 && words[0] == 0 && words[1] == 0 && words[2] == htonl(kMapped);
  Prefix address;
  address.family = mapped ? AF_INET : family;
  std::memcpy(address.address.data(), words + (mapped ? 3 : 0), address.width());
  address.length = static_cast<uint8_t>(8 * address.width());
  return address;
}

TcpConnection read_connection(const nlmsghdr& message) {
  inet_diag_msg head{};
  std::memcpy(&head, NLMSG_DATA(&message), sizeof head);
  TcpConnection found;
  found.family = head.idiag_family;
  found.id = head.id;
  found.inode = head.idiag_inode;
  found.local = address_of(head.idiag_family, head.id.idiag_src);
  found.remote = address_of(head.idiag_family, head.id.idiag_dst);
  found.local_port = ntohs(head.id.idiag_sport);
  found.remote_port = ntohs(head.id.idiag_dport);
  auto cgroup = find_attribute(payload_of(message, sizeof head), kIdOfCgroup);
  if (cgroup && cgroup->value.size() == sizeof found.cgroup)
    std::memcpy(&found.cgroup, cgroup->value.data(), sizeof found.cgroup);
  return found;
}

using End = std::tuple<std::array<uint8_t, 16>, uint16_t>;

// What is between two addresses of one namespace goes over lo, too.
void find_both_ends(std::vector<TcpConnection>& all) {
  auto end = [](const Prefix& address, uint16_t port) { return End{address.address, port}; };
  std::set<std::pair<End, End>> known;
  for (const TcpConnection& one : all) known.emplace(end(one.local, one.local_port), end(one.remote, one.remote_port));
  for (TcpConnection& one : all)
    one.has_both_ends_here = known.count({end(one.remote, one.remote_port), end(one.local, one.local_port)}) != 0;
}

MessageBatch request_of(uint16_t type, uint16_t flags, inet_diag_req_v2 request, const char* description) {
  request.sdiag_protocol = IPPROTO_TCP;
  MessageBatch batch;
  batch.begin(type, flags, description);
  batch.put_header({reinterpret_cast<const uint8_t*>(&request), sizeof request});
  return batch;
}

}  // namespace

bool TcpConnection::loopback() const {
  constexpr uint8_t kLoopbackNet = 127;
  if (has_both_ends_here) return true;
  if (local.family == AF_INET) return local.address[0] == kLoopbackNet || local.address == remote.address;
  return local.address == remote.address;
}

bool TcpConnection::same_as(const TcpConnection& other) const {
  return std::equal(std::begin(id.idiag_cookie), std::end(id.idiag_cookie), std::begin(other.id.idiag_cookie));
}

Result<TcpConnections> TcpConnections::open(const NetNs& where) {
  return where.run(
      []() -> Result<TcpConnections> { return TcpConnections(TRY(NetlinkSocket::open(NETLINK_SOCK_DIAG))); });
}

Result<std::vector<TcpConnection>> TcpConnections::list() {
  std::vector<TcpConnection> all;
  for (uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    inet_diag_req_v2 request{};
    request.sdiag_family = family;
    request.idiag_states = kStanding;
    MessageBatch batch =
        request_of(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, request, "list the connections of the namespace");
    TRY_VOID(socket_.dump(batch, [&](const nlmsghdr& message) {
      bool whole = message.nlmsg_len >= NLMSG_LENGTH(sizeof(inet_diag_msg));
      if (message.nlmsg_type == SOCK_DIAG_BY_FAMILY && whole) all.push_back(read_connection(message));
    }));
  }
  find_both_ends(all);
  return all;
}

Result<bool> TcpConnections::destroy(const TcpConnection& connection) {
  inet_diag_req_v2 request{};
  request.sdiag_family = connection.family;
  request.idiag_states = ~0u;
  request.id = connection.id;
  MessageBatch batch = request_of(kDestroy, NLM_F_REQUEST | NLM_F_ACK, request, "reset a connection");
  auto done = socket_.transact(batch);
  if (done) return true;
  if (done.error().sys_errno == ENOENT) return false;
  if (done.error().sys_errno == EOPNOTSUPP)
    return fail(Errc::kUnsupported, "this kernel cannot reset a connection (CONFIG_INET_DIAG_DESTROY)");
  return tl::unexpected(std::move(done).error());
}

}  // namespace ordeal::sys
