#include "fault/attacks/network/latency_impact.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/attacks/network/latency_proof.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {
namespace {

using packets::DelayOptions;
using packets::Direction;
using packets::PacketDelay;

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
    if (::stat("/proc/thread-self/net/dev", &status) != 0) return fail_errno("cannot look at the network namespace");
    return status.st_ino;
  });
}

// In a namespace of other users our group has no number, and nothing tells our packets but their mark.
uint32_t group_for(const LatencyPlace& place, Random& random) {
  return place.netns.of_our_users() ? kFirstGroup + static_cast<uint32_t>(random.below(kFirstGroup)) : 0;
}

}  // namespace

LatencyImpact::LatencyImpact(Victim victim, LatencyArguments arguments)
    : victim_(std::move(victim)), arguments_(std::move(arguments)) {}

Result<> LatencyImpact::start(const LatencyPlace& place, const Context& context) {
  packets::Traffic& traffic = arguments_.traffic;
  traffic.scope = place.scope;
  traffic.alone = place.alone;
  traffic.link = place.link;
  // With jitter the parts of one packet would wait for each other in the kernel, for up to its limit of 30 s.
  traffic.whole_packets = traffic.reads_ports() || arguments_.shape.jitter > Nanos(0);
  links_ = TRY(sys::Links::open(place.netns));
  if (victim_.kind != VictimKind::kHost) netns_mark_ = TRY(mark_of(place.netns));
  for (Direction direction : arguments_.directions) TRY_VOID(start_one(direction, place, context));
  renewed_ = boot_now();
  next_look_ = renewed_ + kLook;
  return {};
}

Result<> LatencyImpact::start_one(Direction direction, const LatencyPlace& place, const Context& context) {
  DelayOptions options;
  options.direction = direction;
  options.shape = arguments_.shape;
  options.mark_bit = arguments_.mark;
  if (direction == Direction::kDeparture) options.group = group_for(place, *context.random);
  auto start = [&] {
    auto chains = [&](uint16_t number) { return chains_for(direction, options, context, number); };
    return PacketDelay::start(place.netns, table_name(), options, chains, *context.random,
                              arguments_.traffic.whole_packets);
  };
  auto started = start();
  // Without CAP_SETGID there is no group of our own.
  if (!started && started.error().sys_errno == EPERM && std::exchange(options.group, 0) != 0) started = start();
  delays_.push_back(TRY(std::move(started)));
  return {};
}

std::vector<sys::Chain> LatencyImpact::chains_for(Direction direction, const DelayOptions& options,
                                                  const Context& context, uint16_t number) const {
  bool arrival = direction == Direction::kArrival;
  sys::Chain chain{.name = arrival ? "arrival" : "departure",
                   .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
  auto add = [](std::vector<sys::Rule>& to, std::vector<sys::Rule> rules) {
    for (sys::Rule& rule : rules) to.push_back(std::move(rule));
  };
  if (!arrival) chain.rules.push_back(packets::resent_rule(options));
  if (!arrival) chain.witness.push_back(packets::resent_rule(options, true));
  for (auto* rules : {&chain.rules, &chain.witness}) add(*rules, packets::control_message_rules());
  add(chain.rules, packets::traffic_rules(arguments_.traffic, direction, context.exemptions, number));
  add(chain.witness, packets::witness_rules(arguments_.traffic, direction, context.exemptions));
  std::vector<sys::Chain> chains{std::move(chain)};
  if (options.group != 0) chains.push_back(packets::delivery_chain(options));
  return chains;
}

std::vector<int> LatencyImpact::descriptors() const {
  std::vector<int> all;
  for (const PacketDelay& delay : delays_)
    for (int fd : delay.descriptors()) all.push_back(fd);
  return all;
}

std::optional<BootTime> LatencyImpact::next_work() const {
  if (ended_) return std::nullopt;
  BootTime first = next_look_;
  for (const PacketDelay& delay : delays_)
    if (auto next = delay.next_deadline()) first = std::min(first, *next);
  return first;
}

Result<> LatencyImpact::work(BootTime now) {
  if (ended_) return {};
  for (PacketDelay& delay : delays_) TRY_VOID(delay.on_ready(now));
  if (now < next_look_) return {};
  next_look_ = now + kLook;
  return confirm();
}

Result<> LatencyImpact::confirm() {
  for (PacketDelay& delay : delays_) TRY_VOID(delay.look());
  TRY_VOID(confirm_device());
  return confirm_victim();
}

Result<> LatencyImpact::confirm_device() const {
  if (arguments_.traffic.link == 0 || links_->name_of(arguments_.traffic.link)) return {};
  return fail(Errc::kNotInjected,
              fmt::format("the network device {} was removed during the attack", arguments_.traffic.device));
}

// A process may leave its namespace; the rules stay where they are, and would hit who is left.
Result<> LatencyImpact::confirm_victim() const {
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

Result<> LatencyImpact::renew() {
  BootTime now = boot_now();
  for (PacketDelay& delay : delays_) {
    auto renewed = delay.renew();
    bool slow = !renewed && renewed.error().code == Errc::kTimeout && now - renewed_ < kLongestLapse;
    if (slow) renewed = delay.revive();
    if (!renewed) return renewed;
    lapses_ += slow;
  }
  renewed_ = now;
  return {};
}

Result<> LatencyImpact::revert() {
  ended_ = true;
  for (PacketDelay& delay : delays_) TRY_VOID(delay.stop());
  return {};
}

Proof LatencyImpact::proof(BootTime) const {
  std::vector<LatencySeen> seen;
  for (size_t i = 0; i < delays_.size(); ++i)
    seen.push_back({arguments_.directions[i], delays_[i].tally(), delays_[i].queue_style()});
  return prove_latency(
      {arguments_.shape, describe(arguments_.traffic), arguments_.min_events, arguments_.mark, lapses_}, seen);
}

}  // namespace ordeal::fault
