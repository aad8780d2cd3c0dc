#include "platform/sys/cgroup/socket_cgroups.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "platform/sys/network/netlink.h"

namespace ordeal::sys {
namespace {

constexpr uint16_t kCgroupId = 21;  // INET_DIAG_CGROUP_ID; since Linux 5.8

Result<> collect(NetlinkSocket& socket, uint8_t family, uint8_t protocol, std::vector<MadeSocket>& sockets) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = protocol;
  request.idiag_states = ~0U;
  MessageBatch batch;
  batch.begin(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, "list the sockets of the namespace");
  batch.put_header({reinterpret_cast<const uint8_t*>(&request), sizeof request});
  return socket.dump(batch, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY || message.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
    auto id = find_attribute(payload_of(message, sizeof(inet_diag_msg)), kCgroupId);
    MadeSocket made;
    if (!id || id->value.size() != sizeof made.cgroup) return;
    std::memcpy(&made.cgroup, id->value.data(), sizeof made.cgroup);
    inet_diag_msg head{};
    std::memcpy(&head, NLMSG_DATA(&message), sizeof head);
    made.inode = head.idiag_inode;
    sockets.push_back(made);
  });
}

}  // namespace

Result<std::set<uint64_t>> socket_cgroups(const NetNs& where) {
  std::set<uint64_t> ids;
  for (const MadeSocket& made : TRY(made_sockets(where))) ids.insert(made.cgroup);
  return ids;
}

Result<std::vector<MadeSocket>> made_sockets(const NetNs& where) {
  return where.run([]() -> Result<std::vector<MadeSocket>> {
    std::vector<MadeSocket> sockets;
    NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_SOCK_DIAG));
    using Numbers = std::initializer_list<uint8_t>;
    for (uint8_t family : Numbers{AF_INET, AF_INET6})
      for (uint8_t protocol : Numbers{IPPROTO_TCP, IPPROTO_UDP}) TRY_VOID(collect(socket, family, protocol, sockets));
    return sockets;
  });
}

}  // namespace ordeal::sys
