#include "platform/sys/network/address_translation.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "core/base/io/file.h"
#include "platform/sys/network/netlink.h"

namespace ordeal::sys {
namespace {

Result<bool> has_nat_chain() {
  NetlinkSocket socket = TRY(NetlinkSocket::open(NETLINK_NETFILTER));
  MessageBatch batch;
  batch.begin_netfilter(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETCHAIN, NLM_F_DUMP, AF_UNSPEC, 0, "list the chains");
  bool found = false;
  TRY_VOID(socket.dump(batch, [&](const nlmsghdr& message) {
    auto type = find_attribute(payload_of(message, sizeof(nfgenmsg)), NFTA_CHAIN_TYPE);
    found = found || (type && type->text() == "nat");
  }));
  return found;
}

// Of iptables' own tables, which nftables does not list. Absent where the module is.
bool has_older_table() {
  for (const char* names : {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"})
    if (auto text = read_file(names); text && text->find("nat\n") != text->npos) return true;
  return false;
}

}  // namespace

Result<bool> translates_addresses(const NetNs& where) {
  return where.run([]() -> Result<bool> { return has_older_table() || TRY(has_nat_chain()); });
}

}  // namespace ordeal::sys
