// latency: packets of the victim are held for a while. On arrival by default: the same round trip as on departure,
// without starving bulk TCP (a packet held on departure still belongs to its socket).
#include <fmt/format.h>
#include <netinet/in.h>

#include "core/base/duration.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/latency_impact.h"
#include "fault/attacks/victim/live_victim.h"
#include "fault/attacks/victim/scope.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::JitterKind;

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
  info.proof =
      "of the packets that were meant, counted beside the rule, how many were delayed and went on, for each direction "
      "(95 % and min_events are needed), and the delay that was added";
  info.when_frozen =
      "packets that are meant are held back for up to 1 s, until the kernel's lease ends, and then pass; what is held "
      "by then stays held until Ordeal goes on or is killed";
  info.limits = {
      "one run at a time delays packets in a network namespace, a second one is refused",
      "when somebody else removes a netfilter base chain in the namespace (a firewall that is loaded anew), the kernel "
      "drops what is held on arrival at that moment, and only that; the proof counts it",
      "when all of Ordeal is killed, what is held is lost, and what comes later flows",
      "with ports, jitter or a shared network namespace the kernel puts fragmented packets together before they are "
      "held; one whose parts arrive around the very begin or end of the attack may be lost; where the kernel cannot "
      "(no NFT_TPROXY), they pass and count as missed",
      "at the end all that is held goes on at once: a receiver whose socket buffer is smaller than that drops the rest",
      "packets are held before connection tracking, which knows nothing of them until they go on",
      "on departure what is sent again comes from Ordeal's socket: rules of others that look at its owner (user, "
      "group, cgroup) see Ordeal's; a datagram that is longer than the device's MTU is held in the kernel instead, and "
      "so "
      "fills the sender's socket buffer: the sender is slowed down to one buffer in each delay"};
  return info;
}

const AttackInfo& latency_info() {
  static const AttackInfo info = describe_attack();
  return info;
}

Result<std::vector<Direction>> read_direction(const std::string& word) {
  if (word == "arrival") return std::vector{Direction::kArrival};
  if (word == "departure") return std::vector{Direction::kDeparture};
  if (word == "both") return std::vector{Direction::kArrival, Direction::kDeparture};
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.direction: expected arrival, departure or both, found \"{}\"", word));
}

Result<JitterKind> read_distribution(const std::string& word) {
  if (word == "uniform") return JitterKind::kUniform;
  if (word == "normal") return JitterKind::kNormal;
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.distribution: expected uniform or normal, found \"{}\"", word));
}

Result<LatencyArguments> read_arguments(const Attack& attack) {
  LatencyArguments arguments;
  arguments.shape.delay = duration_argument(attack, "delay");
  arguments.shape.jitter = duration_argument(attack, "jitter");
  arguments.shape.kind = TRY(read_distribution(text_argument(attack, "distribution")));
  arguments.directions = TRY(read_direction(text_argument(attack, "direction")));
  arguments.mark = static_cast<uint32_t>(number_argument(attack, "mark"));
  arguments.min_events = attack.min_events;
  arguments.traffic = TRY(packets::read_traffic(attack));
  return arguments;
}

Result<uint32_t> link_of(const sys::NetNs& netns, const std::string& device) {
  if (device.empty()) return 0;
  if (auto index = TRY(sys::Links::open(netns)).index_of(device)) return *index;
  return fail(Errc::kNotFound,
              fmt::format("attack.args.device: there is no network device {} in the network namespace {}", device,
                          netns.id().inode));
}

// With the traffic made as narrow as the place asks for.
Result<LatencyPlace> place_of(const Victim& victim, packets::Traffic& traffic) {
  if (victim.kind == VictimKind::kHost) {
    sys::NetNs host = TRY(sys::NetNs::current());
    uint32_t link = TRY(link_of(host, traffic.device));
    return LatencyPlace{std::move(host), std::nullopt, link, true};
  }
  LiveVictim live = TRY(look_at(victim));
  if (live.processes.empty()) return fail(Errc::kNotFound, victim.name + " has no process");
  LatencyPlace place{TRY(sys::NetNs::of_process(live.processes.front().pid)), std::nullopt, 0};
  if (victim.netns != 0 && place.netns.id().inode != victim.netns)
    return fail(Errc::kNotFound, victim.name + " is in another network namespace by now");
  NetScope scope = TRY(net_scope(victim, place.netns));
  bool sockets_only = traffic.protocols != std::vector<uint8_t>{IPPROTO_ICMP, IPPROTO_ICMPV6};
  if (!scope.alone || sockets_only) place.scope = scope.sockets;
  place.alone = scope.alone;
  place.link = TRY(link_of(place.netns, traffic.device));
  traffic.scope = place.scope;
  traffic.alone = place.alone;
  return place;
}

class LatencyFault : public Fault {
 public:
  const AttackInfo& info() const override { return latency_info(); }

  Usability usability(const host::Features& features) const override {
    if (!features.queue)
      return {false, features.queue.error().message(), "",
              features.can("CAP_NET_ADMIN") && features.can("CAP_SYS_ADMIN")
                  ? "load the kernel's modules nf_tables, nfnetlink_queue and nft_queue or xt_NFQUEUE"
                  : "run Ordeal as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"};
    if (!features.owned_tables)
      return {false, "nftables has no owned tables here, so a rule could outlive us", "", "use Linux 5.12 or newer"};
    Usability use{true, info().mechanisms[*features.queue == sys::QueueStyle::kNative ? 0 : 1], "", ""};
    if (!features.can("CAP_NET_RAW")) use.limits = "only direction: arrival (no CAP_NET_RAW)";
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    LatencyArguments arguments = TRY(read_arguments(attack));
    LatencyPlace place = TRY(place_of(victim, arguments.traffic));
    std::vector<Step> steps;
    for (Direction direction : arguments.directions) steps.push_back(step_for(victim, arguments, place, direction));
    return steps;
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    if (victim.kind == VictimKind::kHost) return whole_victim(victim);
    LatencyArguments arguments = TRY(read_arguments(attack));
    LatencyPlace place = TRY(place_of(victim, arguments.traffic));
    bool wide = !place.scope || arguments.traffic.means_icmp_besides();
    return wide ? netns_reach(victim) : whole_victim(victim);
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    LatencyArguments arguments = TRY(read_arguments(attack));
    LatencyPlace place = TRY(place_of(victim, arguments.traffic));
    auto impact = std::make_unique<LatencyImpact>(victim, std::move(arguments));
    TRY_VOID(impact->start(place, context));
    return impact;
  }

 private:
  static Step step_for(const Victim& victim, const LatencyArguments& arguments, const LatencyPlace& place,
                       Direction direction) {
    const char* name = direction == Direction::kArrival ? "arrival" : "departure";
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    std::string jitter = arguments.shape.jitter > Nanos(0) ? " ± " + format_duration(arguments.shape.jitter) : "";
    step.action =
        fmt::format("hold packets for {}{} on {} in network namespace {} ({})", format_duration(arguments.shape.delay),
                    jitter, name, place.netns.id().inode, describe(arguments.traffic));
    step.undo =
        "let go of what is held; the kernel removes the table with the guard's socket, and its lease ends in 1 s";
    step.proof = latency_info().proof;
    std::string resource =
        place.scope ? fmt::format("cgroup:{}", victim.cgroup) : fmt::format("netns:{}", place.netns.id().inode);
    // The whole namespace is the run's: at the end of another run's delay the kernel would drop what this one holds.
    step.claims = {fmt::format("{}/delay/{}", resource, name), fmt::format("netns:{}/delay/*", place.netns.id().inode)};
    if (place.scope)
      step.notes.push_back(
          "hit are packets of sockets that were made in the cgroup, whoever else lives in the network namespace or "
          "joins "
          "it; what belongs to no socket passes");
    if (arguments.traffic.means_icmp_besides()) step.notes.push_back("hit is ICMP of the whole network namespace, too");
    step.notes.push_back("exempt: neighbour discovery, Packet Too Big, and Ordeal's own watching");
    if (arguments.traffic.reads_ports() || arguments.shape.jitter > Nanos(0))
      step.notes.push_back(
          "fragments are put together in the namespace before they are held, as connection tracking does it");
    if (direction == Direction::kArrival) {
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
