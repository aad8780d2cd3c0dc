#include "fault/attacks/network/packet_impact.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "platform/sys/process/process.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketOptions;
using packets::PacketRules;

constexpr Nanos kLook = 200ms;
constexpr Nanos kAwaitWhatToSpare = 3s;  // those to spare, at the longest
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

Result<> PacketImpact::start(PacketPlace place, const Context& context) {
  packets::Traffic& traffic = attack_.traffic;
  traffic.scope = place.scope;
  traffic.alone = place.alone;
  traffic.link = place.link;
  // Parts of one packet that wait for each other would do so in the kernel, for up to its limit of 30 s.
  traffic.whole_packets = traffic.reads_ports() || needs_whole_packets(attack_.verdict);
  links_ = TRY(sys::Links::open(place.netns));
  if (victim_.kind != VictimKind::kHost) netns_mark_ = TRY(mark_of(place.netns));
  random_ = Random(context.random->next());
  waiting_ = {std::move(place), context.exemptions, boot_now()};
  TRY_VOID(watch_names());
  next_look_ = boot_now() + kLook;
  return traffic.excluded_names.empty() ? start_rules() : Result<>{};
}

Result<> PacketImpact::start_rules() {
  for (Direction direction : attack_.directions) TRY_VOID(start_one(direction));
  for (PacketRules& rules : rules_) TRY_VOID(rules.add_addresses(sys::AddressSet::kMeant, meant_));
  waiting_.reset();
  began_ = renewed_ = boot_now();
  return {};
}

Result<> PacketImpact::watch_names() {
  std::vector<std::string> names = attack_.traffic.names;
  names.insert(names.end(), attack_.traffic.excluded_names.begin(), attack_.traffic.excluded_names.end());
  if (!names.empty()) names_ = TRY(packets::NameWatch::start(names));
  return {};
}

Result<> PacketImpact::follow_names() {
  if (!names_) return {};
  std::vector<sys::Prefix> meant, spared;
  const std::vector<std::string>& excluded = attack_.traffic.excluded_names;
  for (const packets::NamedAddress& found : TRY(names_->read())) {
    bool is_excluded = std::find(excluded.begin(), excluded.end(), found.name) != excluded.end();
    (is_excluded ? spared : meant).push_back(found.address);
  }
  for (PacketRules& rules : rules_) {
    TRY_VOID(rules.add_addresses(sys::AddressSet::kSpared, spared));
    TRY_VOID(rules.add_addresses(sys::AddressSet::kMeant, meant));
  }
  if (!waiting_) return {};
  meant_.insert(meant_.end(), meant.begin(), meant.end());
  spared_.insert(spared_.end(), spared.begin(), spared.end());
  std::string unknown = unknown_to_spare();
  if (unknown.empty()) return start_rules();
  if (boot_now() - waiting_->since < kAwaitWhatToSpare) return {};
  return fail(Errc::kNotInjected, "it is not known what to spare" + unknown);
}

std::string PacketImpact::unknown_to_spare() const {
  std::string text;
  for (const std::string& name : attack_.traffic.excluded_names)
    if (auto found = names_->unknown().find(name); found != names_->unknown().end())
      text += fmt::format("; {}: {}", name, found->second);
  return text;
}

std::string PacketImpact::unknown_names() const {
  std::string text;
  if (names_)
    for (const auto& [name, reason] : names_->unknown()) text += fmt::format("; {}: {}", name, reason);
  return text;
}

Result<> PacketImpact::start_one(Direction direction) {
  const PacketPlace& place = waiting_->place;
  PacketOptions options;
  options.direction = direction;
  options.verdict = attack_.verdict;
  options.mark_bit = attack_.mark;
  if (sends_again(attack_.verdict, direction)) options.group = group_for(place, random_);
  auto start = [&] {
    auto chains = [&](std::optional<uint16_t> queue) {
      return chains_for(direction, options, waiting_->exemptions, queue);
    };
    return PacketRules::start(place.netns, table_name(), options, chains, random_, attack_.traffic.whole_packets,
                              spared_);
  };
  auto started = start();
  // Without CAP_SETGID there is no group of our own.
  if (!started && started.error().sys_errno == EPERM && std::exchange(options.group, 0) != 0) started = start();
  rules_.push_back(TRY(std::move(started)));
  return {};
}

std::vector<sys::Chain> PacketImpact::chains_for(Direction direction, const PacketOptions& options,
                                                 const std::vector<packets::Exemption>& exemptions,
                                                 std::optional<uint16_t> queue) const {
  bool arrival = direction == Direction::kArrival;
  packets::Traffic traffic = traffic_on(direction);
  sys::Chain chain{.name = arrival ? "arrival" : "departure",
                   .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
  auto add = [](std::vector<sys::Rule>& to, std::vector<sys::Rule> rules) {
    for (sys::Rule& rule : rules) to.push_back(std::move(rule));
  };
  if (sends_again(attack_.verdict, direction)) {
    chain.rules.push_back(packets::resent_rule(options));
    chain.witness.push_back(packets::resent_rule(options, true));
  }
  for (auto* rules : {&chain.rules, &chain.witness}) {
    add(*rules, packets::control_message_rules());
    if (std::holds_alternative<packets::Refuse>(attack_.verdict.act)) add(*rules, packets::refusal_rules());
  }
  add(chain.rules, packets::traffic_rules(traffic, direction, exemptions, attack_.verdict, queue));
  add(chain.witness, packets::witness_rules(traffic, direction, exemptions));
  std::vector<sys::Chain> chains{std::move(chain)};
  if (options.group != 0) chains.push_back(packets::delivery_chain(options));
  return chains;
}

// Who reads packets reads the questions over UDP as they leave, and the answers over TCP as they come.
packets::Traffic PacketImpact::traffic_on(Direction direction) const {
  packets::Traffic traffic = attack_.traffic;
  if (attack_.verdict.asked())
    traffic.protocols = {static_cast<uint8_t>(direction == Direction::kArrival ? IPPROTO_TCP : IPPROTO_UDP)};
  return traffic;
}

std::vector<int> PacketImpact::descriptors() const {
  std::vector<int> all;
  for (const PacketRules& rules : rules_)
    for (int fd : rules.descriptors()) all.push_back(fd);
  if (names_ && !ended_) all.push_back(names_->fd());
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
  TRY_VOID(follow_names());
  if (now < next_look_) return {};
  next_look_ = now + kLook;
  return confirm();
}

Result<> PacketImpact::confirm() {
  for (PacketRules& rules : rules_) TRY_VOID(rules.look());
  TRY_VOID(confirm_device());
  if (also_) TRY_VOID(also_(boot_now()));
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
  if (waiting_) attack_.traffic.alone = false;  // then no rule will mean it
  for (PacketRules& rules : rules_) TRY_VOID(rules.withdraw_icmp());
  return icmp_withdrawn_ = true;
}

Result<> PacketImpact::revert() {
  if (!ended_) in_force_ = boot_now() - began_;
  ended_ = true;
  for (PacketRules& rules : rules_) TRY_VOID(rules.stop());
  return {};
}

Proof PacketImpact::nothing_in_force() const {
  Proof proof = prove_({attack_.verdict, describe(attack_.traffic), attack_.min_events, attack_.mark, 0}, {});
  proof.reason = "no rule was in force: it is not known what to spare" + unknown_to_spare();
  proof.proven = false;
  return proof;
}

Proof PacketImpact::proof(BootTime now) const {
  if (waiting_) return nothing_in_force();
  std::vector<PacketsSeen> seen;
  for (size_t i = 0; i < rules_.size(); ++i)
    seen.push_back({attack_.directions[i], rules_[i].tally(), rules_[i].queue_style()});
  Proof proof = prove_({attack_.verdict, describe(attack_.traffic), attack_.min_events, attack_.mark, lapses_,
                        ended_ ? in_force_ : now - began_},
                       seen);
  if (!proof.proven) proof.reason += unknown_names();
  if (icmp_withdrawn_)
    proof.measured += "; ICMP was left alone from the moment another process joined the network namespace";
  return proof;
}

}  // namespace ordeal::fault
