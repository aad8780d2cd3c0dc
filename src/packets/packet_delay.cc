#include "packets/packet_delay.h"

#include <linux/membarrier.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ordeal::packets {
namespace {

// Returns when every packet that was inside a rule at the time of the call has left it: the kernel's grace period.
// Where the call is refused, what is in a rule just then may be lost: a matter of microseconds.
void wait_for_packets_in_rules() { ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); }

}  // namespace

std::vector<sys::Rule> control_message_rules() {
  auto icmp = [](const char* comment, int family, uint8_t protocol) {
    return std::move(sys::Rule(comment).family(family).protocol(protocol));
  };
  return {
      icmp("neighbour discovery passes", AF_INET6, IPPROTO_ICMPV6).icmp_type(133, 137).leave(),
      icmp("packet too big passes", AF_INET6, IPPROTO_ICMPV6).icmp_type(2, 2).leave(),
      icmp("fragmentation needed passes", AF_INET, IPPROTO_ICMP).icmp_type(3, 3).icmp_code(4).leave(),
  };
}

sys::Rule resent_rule(const DelayOptions& options) {
  return sys::Rule("what was delayed passes").mark(options.mark_bit, options.mark_bit).leave();
}

Result<PacketDelay> PacketDelay::start(const sys::NetNs& where, const std::string& table, const DelayOptions& options,
                                       const ChainMaker& chains, Random& random) {
  return where.run([&]() -> Result<PacketDelay> {
    DelayQueue queue = TRY(DelayQueue::open(options, random));
    sys::NetlinkSocket socket = TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER));
    sys::TableSpec spec{.name = table, .chains = chains(queue.number())};
    auto shared = DelayedNamespace::of(where);
    for (sys::Chain& chain : spec.chains) chain.priority = shared->next_priority();
    sys::NftTable rules = TRY(sys::NftTable::create(std::move(socket), std::move(spec)));
    return PacketDelay(std::move(queue), std::move(rules), std::move(shared));
  });
}

PacketDelay& PacketDelay::operator=(PacketDelay&& other) noexcept {
  if (this == &other) return *this;
  (void)stop();
  queue_ = std::move(other.queue_);
  where_ = std::move(other.where_);
  table_ = std::move(other.table_);
  return *this;
}

Result<> PacketDelay::let_go() {
  TRY_VOID(table_.disarm());
  TRY_VOID(queue_.let_all_go());
  wait_for_packets_in_rules();
  return queue_.let_all_go();
}

Result<> PacketDelay::stop() {
  if (!where_) return {};
  TRY_VOID(let_go());
  where_->keep(std::move(table_));
  auto where = std::move(where_);
  return where.use_count() == 1 ? where->remove_ended() : Result<>{};
}

}  // namespace ordeal::packets
