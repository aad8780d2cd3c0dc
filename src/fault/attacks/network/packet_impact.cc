#include "fault/attacks/network/packet_impact.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/sys/process/process.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketOptions;
using packets::PacketRules;

constexpr Nanos kLook = 200ms;
// A lease that ran out is taken up again when the machine was merely slow (the proof counts what passed meanwhile).
// After longer than the longest step of the guard it was no slowness, and the attack ends.
constexpr Nanos kLongestLapse = 6s;
constexpr uint32_t kFirstGroup = 0x40000000;  // far above what people number their groups with

std::string table_name() {
  static int count = 0;
  return fmt::format("ordeal_{}_{}", ::getpid(), ++count);
}

// What sys::netns_mark() says of a process inside.
Result<uint64_t> mark_of(const sys::NetNs& netns) {
  return netns.run([]() -> Result<uint64_t> {
    struct stat status {};
    if (::stat("/proc/thread-self/net/dev", &status) != 0) return fail_errno("cannot inspect the network namespace");
    return status.st_ino;
  });
}

// In a namespace of other users our group has no number, and nothing tells our packets but their mark.
uint32_t group_for(const PacketPlace& place, Random& random) {
  return place.netns.of_our_users() ? kFirstGroup + static_cast<uint32_t>(random.below(kFirstGroup)) : 0;
}

}  // namespace

PacketImpact::PacketImpact(Victim victim, PacketAttack attack, ProvePackets prove)
    : victim_(std::move(victim)), attack_(std::move(attack)), prove_(prove) {}

Result<> PacketImpact::start(const PacketPlace& place, const Context& context) {
  packets::Traffic& traffic = attack_.traffic;
  traffic.scope = place.scope;
  traffic.alone = place.alone;
  traffic.link = place.link;
  // With jitter the parts of one packet would wait for each other in the kernel, for up to its limit of 30 s.
  traffic.whole_packets = traffic.reads_ports() || reorders(attack_.verdict);
  links_ = TRY(sys::Links::open(place.netns));
  if (victim_.kind != VictimKind::kHost) netns_mark_ = TRY(mark_of(place.netns));
  for (Direction direction : attack_.directions) TRY_VOID(start_one(direction, place, context));
  renewed_ = boot_now();
  next_look_ = renewed_ + kLook;
  return {};
}

Result<> PacketImpact::start_one(Direction direction, const PacketPlace& place, const Context& context) {
  PacketOptions options;
  options.direction = direction;
  options.verdict = attack_.verdict;
  options.mark_bit = attack_.mark;
  if (sends_again(attack_.verdict, direction)) options.group = group_for(place, *context.random);
  auto start = [&] {
    auto chains = [&](std::optional<uint16_t> queue) { return chains_for(direction, options, context, queue); };
    return PacketRules::start(place.netns, table_name(), options, chains, *context.random,
                              attack_.traffic.whole_packets);
  };
  auto started = start();
  // Without CAP_SETGID there is no group of our own.
  if (!started && started.error().sys_errno == EPERM && std::exchange(options.group, 0) != 0) started = start();
  rules_.push_back(TRY(std::move(started)));
  return {};
}

std::vector<sys::Chain> PacketImpact::chains_for(Direction direction, const PacketOptions& options,
                                                 const Context& context, std::optional<uint16_t> queue) const {
  bool arrival = direction == Direction::kArrival;
  sys::Chain chain{.name = arrival ? "arrival" : "departure",
                   .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
  auto add = [](std::vector<sys::Rule>& to, std::vector<sys::Rule> rules) {
    for (sys::Rule& rule : rules) to.push_back(std::move(rule));
  };
  if (sends_again(attack_.verdict, direction)) {
    chain.rules.push_back(packets::resent_rule(options));
    chain.witness.push_back(packets::resent_rule(options, true));
  }
  for (auto* rules : {&chain.rules, &chain.witness}) add(*rules, packets::control_message_rules());
  add(chain.rules, packets::traffic_rules(attack_.traffic, direction, context.exemptions, attack_.verdict, queue));
  add(chain.witness, packets::witness_rules(attack_.traffic, direction, context.exemptions));
  std::vector<sys::Chain> chains{std::move(chain)};
  if (options.group != 0) chains.push_back(packets::delivery_chain(options));
  return chains;
}

std::vector<int> PacketImpact::descriptors() const {
  std::vector<int> all;
  for (const PacketRules& rules : rules_)
    for (int fd : rules.descriptors()) all.push_back(fd);
  return all;
}

std::optional<BootTime> PacketImpact::next_work() const {
  if (ended_) return std::nullopt;
  BootTime first = next_look_;
  for (const PacketRules& rules : rules_)
    if (auto next = rules.next_deadline()) first = std::min(first, *next);
  return first;
}

Result<> PacketImpact::work(BootTime now) {
  if (ended_) return {};
  for (PacketRules& rules : rules_) TRY_VOID(rules.on_ready(now));
  if (now < next_look_) return {};
  next_look_ = now + kLook;
  return confirm();
}

Result<> PacketImpact::confirm() {
  for (PacketRules& rules : rules_) TRY_VOID(rules.look());
  TRY_VOID(confirm_device());
  return confirm_victim();
}

Result<> PacketImpact::confirm_device() const {
  if (attack_.traffic.link == 0 || links_->name_of(attack_.traffic.link)) return {};
  return fail(Errc::kNotInjected,
              fmt::format("the network device {} was removed during the attack", attack_.traffic.device));
}

// A process may leave its namespace; the rules stay where they are, and would hit who is left.
Result<> PacketImpact::confirm_victim() const {
  if (netns_mark_ == 0) return {};
  bool elsewhere = false;
  for (const ProcessId& id : victim_.processes) {
    auto stat = sys::read_stat(id.pid);
    if (!stat || stat->start_ticks != id.start_ticks) continue;
    uint64_t mark = sys::netns_mark(id.pid);
    if (mark == netns_mark_) return {};
    elsewhere = elsewhere || mark != 0;
  }
  if (!elsewhere) return {};
  return fail(Errc::kNotInjected, fmt::format("{} has left the network namespace of the attack", victim_.name));
}

Result<> PacketImpact::renew() {
  BootTime now = boot_now();
  for (PacketRules& rules : rules_) {
    auto renewed = rules.renew();
    bool slow = !renewed && renewed.error().code == Errc::kTimeout && now - renewed_ < kLongestLapse;
    if (slow) renewed = rules.revive();
    if (!renewed) return renewed;
    lapses_ += slow;
  }
  renewed_ = now;
  return {};
}

// What of it reaches beyond the victim's sockets is ICMP of the whole namespace.
Result<bool> PacketImpact::leave_others_alone() {
  if (!attack_.traffic.means_icmp_besides()) return false;
  for (PacketRules& rules : rules_) TRY_VOID(rules.withdraw_icmp());
  return icmp_withdrawn_ = true;
}

Result<> PacketImpact::revert() {
  ended_ = true;
  for (PacketRules& rules : rules_) TRY_VOID(rules.stop());
  return {};
}

Proof PacketImpact::proof(BootTime) const {
  std::vector<PacketsSeen> seen;
  for (size_t i = 0; i < rules_.size(); ++i)
    seen.push_back({attack_.directions[i], rules_[i].tally(), rules_[i].queue_style()});
  Proof proof = prove_({attack_.verdict, describe(attack_.traffic), attack_.min_events, attack_.mark, lapses_}, seen);
  if (icmp_withdrawn_)
    proof.measured += "; ICMP was left alone from the moment another process joined the network namespace";
  return proof;
}

}  // namespace ordeal::fault
