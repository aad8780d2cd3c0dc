#include "fault/packets/packet_rules.h"

#include <linux/membarrier.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "fault/packets/traffic.h"

namespace ordeal::packets {
namespace {

constexpr const char* kResentRule = "what was sent again passes";
constexpr const char* kLeftRule = "what was sent again leaves";
constexpr int32_t kLast = std::numeric_limits<int32_t>::max();

// Returns when every packet that was inside a rule at the time of the call has left it: the kernel's grace period.
// Where the call is refused, what is in a rule just then may be lost: a matter of microseconds.
void wait_for_packets_in_rules() { ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0); }

uint64_t beyond(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

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

std::vector<sys::Rule> refusal_rules() {
  constexpr uint8_t kReset = 0x04;
  auto rule = [](const char* comment, uint8_t protocol) { return std::move(sys::Rule(comment).protocol(protocol)); };
  return {
      rule("resets pass", IPPROTO_TCP).tcp_flag(kReset).leave(),
      rule("unreachable passes", IPPROTO_ICMP).family(AF_INET).icmp_type(3, 3).leave(),
      rule("unreachable passes", IPPROTO_ICMPV6).family(AF_INET6).icmp_type(1, 1).leave(),
  };
}

sys::Rule resent_rule(const PacketOptions& options, bool counted) {
  sys::Rule rule(kResentRule);
  if (options.group != 0)
    rule.sender_group(options.group);
  else
    rule.mark(options.mark_bit, options.mark_bit);
  if (counted) rule.counter();
  return std::move(rule.leave());
}

sys::Chain delivery_chain(const PacketOptions& options) {
  sys::Chain chain{.name = "delivery", .hook = sys::Hook::kPostrouting, .priority = kLast};
  sys::Rule rule(kLeftRule);
  chain.witness.push_back(std::move(rule.sender_group(options.group).counter()));
  return chain;
}

Result<PacketRules> PacketRules::start(const sys::NetNs& where, const std::string& table, const PacketOptions& options,
                                       const ChainMaker& chains, Random& random, bool whole_packets,
                                       const std::vector<sys::Prefix>& spared) {
  return where.run([&]() -> Result<PacketRules> {
    std::optional<VerdictQueue> queue;
    if (needs_queue(options.verdict, options.direction)) queue = TRY(VerdictQueue::open(options, random));
    std::optional<uint16_t> number;
    if (queue) number = queue->number();
    sys::NetlinkSocket socket = TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER));
    sys::TableSpec spec{.name = table, .chains = chains(number), .whole_packets = whole_packets, .spared = spared};
    auto shared = RuledNamespace::of(where);
    for (sys::Chain& chain : spec.chains)
      if (chain.hook != sys::Hook::kPostrouting) chain.priority = shared->next_priority();
    sys::NftTable rules = TRY(sys::NftTable::create(std::move(socket), std::move(spec)));
    return PacketRules(options, std::move(queue), std::move(rules), std::move(shared));
  });
}

PacketRules& PacketRules::operator=(PacketRules&& other) noexcept {
  if (this == &other) return *this;
  (void)stop();
  options_ = other.options_;
  counted_ = std::move(other.counted_);
  resent_then_ = other.resent_then_;
  queue_ = std::move(other.queue_);
  where_ = std::move(other.where_);
  table_ = std::move(other.table_);
  return *this;
}

Result<> PacketRules::look() {
  if (!where_) return {};
  uint64_t resent = queue_ ? queue_->stats().resent : 0;
  std::map<std::string, uint64_t> counted;
  for (const sys::RuleCounter& counter : TRY(table_.counters())) counted[counter.comment] += counter.packets;
  counted_ = std::move(counted);
  resent_then_ = resent;
  return {};
}

uint64_t PacketRules::counted(const char* rule) const {
  auto found = counted_.find(rule);
  return found == counted_.end() ? 0 : found->second;
}

PacketStats PacketRules::stats() const {
  if (queue_) return queue_->stats();
  PacketStats stats;
  stats.matched = stats.dropped = counted(rule_name(options_.verdict));
  return stats;
}

uint64_t PacketTally::untaken() const {
  uint64_t drawn = stats.matched + stats.spared;  // by the reader, or what the rules dropped
  uint64_t beside_rules = beyond(meant, hit + (spared - stats.spared));
  return beside_rules + std::max(stats.queue_full, beyond(hit, drawn));
}

double PacketTally::rules_share() const {
  uint64_t drawn = stats.matched + stats.spared;
  return drawn > hit && hit > 0 ? static_cast<double>(hit) / static_cast<double>(drawn) : 1;
}

PacketTally PacketRules::tally() const {
  PacketTally tally;
  tally.stats = stats();
  tally.meant = counted(kMeantRule);
  tally.fragments = counted(kFragmentRule);
  tally.hit = counted(rule_name(options_.verdict));
  tally.spared = counted(kSparedRule) + tally.stats.spared;
  if (!sends_again(options_.verdict, options_.direction)) return tally;
  if (options_.group == 0)
    tally.foreign = beyond(counted(kResentRule), resent_then_);
  else
    tally.undelivered = beyond(resent_then_, counted(kLeftRule));
  return tally;
}

Result<> PacketRules::let_go() {
  TRY_VOID(table_.disarm());
  if (!queue_) return {};
  TRY_VOID(queue_->let_all_go());
  wait_for_packets_in_rules();
  return queue_->let_all_go();
}

Result<> PacketRules::stop() {
  if (!where_) return {};
  (void)look();
  TRY_VOID(let_go());
  where_->keep(std::move(table_));
  auto where = std::move(where_);
  return where.use_count() == 1 ? where->remove_ended() : Result<>{};
}

}  // namespace ordeal::packets
