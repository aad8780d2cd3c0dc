// latency: packets of the victim are held for a while. On arrival by default: the same round trip as on departure,
// without starving bulk TCP (facts: a packet held on departure still belongs to its socket).
#include <fmt/format.h>

#include <cmath>

#include "base/duration.h"
#include "fault/faults.h"
#include "fault/live_victim.h"
#include "fault/scope.h"
#include "packets/packet_delay.h"
#include "packets/traffic.h"
#include "sys/cgroup.h"

namespace ordeal::fault {
namespace {

using packets::DelayOptions;
using packets::DelayShape;
using packets::DelayStats;
using packets::DelayWay;
using packets::JitterKind;
using packets::PacketDelay;
using packets::SocketScope;
using packets::Traffic;
using packets::Way;

AttackInfo describe_attack() {
  using Kind = ArgumentKind;
  AttackInfo info;
  info.type = "latency";
  info.summary = "Delays packets to or from the victim.";
  info.arguments = {
      {"delay", Kind::kDuration, 1ms, "\"100ms\"", "Added delay, 1us to 60s", "-m, in milliseconds", 1e-6, 60},
      {"jitter", Kind::kDuration, 1ms, "\"0s\"", "Each packet's delay varies by it, 0 to 60s", "none", 0, 60},
      {.name = "distribution",
       .kind = Kind::kWord,
       .fallback = "\"uniform\"",
       .help = "Of the jitter: uniform (within ±jitter) or normal (jitter is one sigma)",
       .gremlin = "",
       .choices = {"uniform", "normal"}},
      {.name = "direction",
       .kind = Kind::kWord,
       .fallback = "\"arrival\"",
       .help = "Packets that arrive at the victim, that leave it, or both",
       .gremlin = "Gremlin acts on departure; arrival has the same round trip and does not starve bulk TCP",
       .choices = {"arrival", "departure", "both"}},
      {"mark", Kind::kInteger, 1s, "4194304", "The packet mark bit that re-sent packets carry on departure", "", 1,
       2147483648.0},
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a slow database slows the site, no more\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: latency\n"
      "  args: {delay: 300ms, jitter: 50ms, port: 5432}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = {"nftables queue in an owned table", "the xt target NFQUEUE in an owned table"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there, for direction departure"};
  info.proof = "packets matched, and the delay that was added to each";
  info.limits = {
      "one run at a time delays packets in a network namespace, a second one is refused",
      "when somebody else removes a netfilter base chain in the namespace (a firewall that is loaded anew), the kernel "
      "drops what is held on arrival at that moment, and only that; the proof counts it",
      "when all of Ordeal is killed, what is held is lost, and what comes later flows"};
  return info;
}

const AttackInfo& latency_info() {
  static const AttackInfo info = describe_attack();
  return info;
}

struct Arguments {
  DelayShape shape;
  std::vector<Way> ways;
  uint32_t mark = 0;
  Traffic traffic;
};

Result<std::vector<Way>> read_direction(const std::string& word) {
  if (word == "arrival") return std::vector{Way::kArrival};
  if (word == "departure") return std::vector{Way::kDeparture};
  if (word == "both") return std::vector{Way::kArrival, Way::kDeparture};
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.direction: expected arrival, departure or both, found \"{}\"", word));
}

Result<JitterKind> read_distribution(const std::string& word) {
  if (word == "uniform") return JitterKind::kUniform;
  if (word == "normal") return JitterKind::kNormal;
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.distribution: expected uniform or normal, found \"{}\"", word));
}

Result<Arguments> read_arguments(const Attack& attack) {
  Arguments arguments;
  arguments.shape.delay = duration_argument(attack, "delay");
  arguments.shape.jitter = duration_argument(attack, "jitter");
  arguments.shape.kind = TRY(read_distribution(text_argument(attack, "distribution")));
  arguments.ways = TRY(read_direction(text_argument(attack, "direction")));
  arguments.mark = static_cast<uint32_t>(number_argument(attack, "mark"));
  arguments.traffic = TRY(packets::read_traffic(attack));
  return arguments;
}

// Where the rules go, and how narrow they must be.
struct Place {
  sys::NetNs netns;
  std::optional<SocketScope> scope;
};

Result<SocketScope> scope_of(const Victim& victim, const Error& shared) {
  auto tree = TRY(sys::CgroupTree::discover());
  const sys::Hierarchy* unified = tree.unified();
  auto cgroup = unified && !victim.cgroup.empty() ? tree.find(*unified, victim.cgroup) : std::nullopt;
  if (!cgroup)
    return fail(Errc::kRefused, shared.what + ", and it has no cgroup of version 2 to tell its packets apart",
                "give the victim a network namespace or a cgroup of version 2 of its own");
  uint32_t level = 0;
  for (auto up = cgroup->parent(); up; up = up->parent()) ++level;
  return SocketScope{level, TRY(cgroup->inode())};
}

Result<Place> place_of(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return Place{TRY(sys::NetNs::current()), std::nullopt};
  LiveVictim live = TRY(look_at(victim));
  if (live.processes.empty()) return fail(Errc::kNotFound, victim.name + " has no process");
  Place place{TRY(sys::NetNs::of_process(live.processes.front().pid)), std::nullopt};
  if (victim.netns != 0 && place.netns.id().inode != victim.netns)
    return fail(Errc::kNotFound, victim.name + " is in another network namespace by now");
  if (auto alone = owns_netns(victim); !alone) place.scope = TRY(scope_of(victim, alone.error()));
  return place;
}

std::string table_name() {
  static int count = 0;
  return fmt::format("ordeal_{}_{}", ::getpid(), ++count);
}

class LatencyImpact : public Impact {
 public:
  LatencyImpact(Arguments arguments) : arguments_(std::move(arguments)) {}

  Result<> start(const Place& place, const Context& context) {
    for (Way way : arguments_.ways) {
      DelayOptions options;
      options.way = way == Way::kArrival ? DelayWay::kArrival : DelayWay::kDeparture;
      options.shape = arguments_.shape;
      options.mark_bit = arguments_.mark;
      auto chains = [&](uint16_t number) { return chains_for(way, options, context, number); };
      delays_.push_back(TRY(PacketDelay::start(place.netns, table_name(), options, chains, *context.random)));
    }
    return {};
  }

  std::vector<int> descriptors() const override {
    std::vector<int> all;
    for (const PacketDelay& delay : delays_)
      for (int fd : delay.descriptors()) all.push_back(fd);
    return all;
  }
  std::optional<BootTime> next_work() const override {
    std::optional<BootTime> first;
    for (const PacketDelay& delay : delays_)
      if (auto next = delay.next_deadline(); next && (!first || *next < *first)) first = next;
    return first;
  }
  Result<> work(BootTime now) override {
    for (PacketDelay& delay : delays_) TRY_VOID(delay.on_ready(now));
    return {};
  }
  Result<> renew() override {
    for (PacketDelay& delay : delays_) TRY_VOID(delay.renew());
    return {};
  }
  Result<> revert() override {
    for (PacketDelay& delay : delays_) TRY_VOID(delay.stop());
    return {};
  }
  Proof proof(BootTime) const override;

 private:
  std::vector<sys::Chain> chains_for(Way way, const DelayOptions& options, const Context& context, uint16_t number) {
    sys::Chain chain;
    chain.name = way == Way::kArrival ? "arrival" : "departure";
    chain.hook = way == Way::kArrival ? sys::Hook::kPrerouting : sys::Hook::kOutput;
    if (way == Way::kDeparture) chain.rules.push_back(resent_rule(options));
    for (sys::Rule& rule : packets::control_message_rules()) chain.rules.push_back(std::move(rule));
    for (sys::Rule& rule : traffic_rules(arguments_.traffic, way, context.exemptions, number))
      chain.rules.push_back(std::move(rule));
    return {chain};
  }

  Arguments arguments_;
  std::vector<PacketDelay> delays_;
};

Proof LatencyImpact::proof(BootTime) const {
  uint64_t matched = 0, over = 0, lost = 0;
  Proof proof;
  proof.unit = "ms";
  proof.asked = to_millis(arguments_.shape.delay);
  Nanos median{0}, p99{0};
  for (const PacketDelay& delay : delays_) {
    const DelayStats& stats = delay.stats();
    matched += stats.matched, over += stats.passed_over_bound, lost += stats.dropped_on_error;
    median = std::max(median, stats.added.quantile(0.5));
    p99 = std::max(p99, stats.added.quantile(0.99));
  }
  proof.got = to_millis(median);
  proof.measured = fmt::format("{} packets matched, {:.1f} ms added at the median, {:.1f} ms at p99", matched,
                               to_millis(median), to_millis(p99));
  if (!delays_.empty() && delays_.front().queue_style() == sys::QueueStyle::kXtTarget) {
    proof.measured += ", by the xt target NFQUEUE";
  } else {
    proof.measured += ", by the nftables queue";
  }
  if (over) proof.measured += fmt::format(", {} passed undelayed (64 MiB were held)", over);
  if (lost)
    proof.measured += fmt::format(
        ", {} lost (dropped by the kernel when somebody else removed a netfilter chain, or not sent again)", lost);
  Nanos slack = std::max<Nanos>(10ms, arguments_.shape.delay / 10) + arguments_.shape.jitter;
  if (matched == 0) {
    proof.reason =
        "no packet matched (" + describe(arguments_.traffic) + "): check the port, the hosts and the protocol";
  } else if (median == Nanos(0)) {
    proof.reason = "no packet was held to its time; the attack was shorter than its delay";
  } else if (median + slack < arguments_.shape.delay || median > arguments_.shape.delay + slack) {
    proof.reason = fmt::format("the added delay was {:.1f} ms, {:.1f} ms were asked", to_millis(median), proof.asked);
  } else if (over * 100 > matched) {
    proof.reason = "more than 1 % of the packets passed undelayed, because 64 MiB were held";
  } else {
    proof.proven = true;
  }
  return proof;
}

class LatencyFault : public Fault {
 public:
  const AttackInfo& info() const override { return latency_info(); }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack) const override {
    Arguments arguments = TRY(read_arguments(attack));
    Place place = TRY(place_of(victim));
    std::vector<Step> steps;
    for (Way way : arguments.ways) steps.push_back(step_for(victim, arguments, place, way));
    return steps;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    Arguments arguments = TRY(read_arguments(attack));
    Place place = TRY(place_of(victim));
    arguments.traffic.scope = place.scope;
    auto impact = std::make_unique<LatencyImpact>(std::move(arguments));
    TRY_VOID(impact->start(place, context));
    return impact;
  }

 private:
  static Step step_for(const Victim& victim, const Arguments& arguments, const Place& place, Way way) {
    const char* name = way == Way::kArrival ? "arrival" : "departure";
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    std::string jitter = arguments.shape.jitter > Nanos(0) ? " ± " + format_duration(arguments.shape.jitter) : "";
    step.action =
        fmt::format("hold packets for {}{} on {} in network namespace {} ({})", format_duration(arguments.shape.delay),
                    jitter, name, place.netns.id().inode, describe(arguments.traffic));
    step.undo =
        "let go of what is held; the kernel removes the table with the guard's socket, and its lease ends in 2 s";
    step.proof = latency_info().proof;
    std::string resource =
        place.scope ? fmt::format("cgroup:{}", victim.cgroup) : fmt::format("netns:{}", place.netns.id().inode);
    // The whole namespace is the run's: at the end of another run's delay the kernel would drop what this one holds.
    step.claims = {fmt::format("{}/delay/{}", resource, name), fmt::format("netns:{}/delay/*", place.netns.id().inode)};
    if (place.scope)
      step.notes.push_back("other processes share the network namespace, so only sockets of the cgroup are hit");
    step.notes.push_back("exempt: neighbour discovery, Packet Too Big, and Ordeal's own watching");
    if (way == Way::kArrival) {
      step.notes.push_back("Gremlin delays on departure; the round trip is the same");
      step.notes.push_back(
          "if somebody else removes a netfilter chain in the namespace meanwhile, the kernel drops what is held "
          "just then; the proof counts it");
    }
    return step;
  }
};

}  // namespace

const Fault& latency_fault() {
  static const LatencyFault fault;
  return fault;
}

}  // namespace ordeal::fault
