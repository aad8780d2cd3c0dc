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

Result<> collect(NetlinkSocket& socket, uint8_t family, uint8_t protocol, std::set<uint64_t>& ids) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = protocol;
  request.idiag_states = ~0U;
  MessageBatch batch;
  batch.begin(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, "list the sockets of the namespace");
  batch.put_header({reinterpret_cast<const uint8_t*>(&request), sizeof request});
  return socket.dump(batch, [&](const nlmsghdr& message) {
    if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return;
    auto id = find_attribute(payload_of(message, sizeof(inet_diag_msg)), kCgroupId);
    uint64_t number = 0;
    if (!id || id->value.size() != sizeof number) return;
    std::memcpy(&number, id->value.data(), sizeof number);
    ids.insert(number);
  });
}

}  // namespace

Result<std::set<uint64_t>> socket_cgroups(const NetNs& where) {
  return where.run([]() -> Result<std::set<uint64_t>> {
    std::set<uint64_t> ids;
    NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_SOCK_DIAG));
    using Numbers = std::initializer_list<uint8_t>;
    for (uint8_t family : Numbers{AF_INET, AF_INET6})
      for (uint8_t protocol : Numbers{IPPROTO_TCP, IPPROTO_UDP}) TRY_VOID(collect(socket, family, protocol, ids));
    return ids;
  });
}

}  // namespace ordeal::sys
