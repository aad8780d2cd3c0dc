// latency: packets of the victim are held for a while. On arrival by default: the same round trip as on departure,
// without starving bulk TCP (a packet held on departure still belongs to its socket).
#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/latency_proof.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/shares/share_arguments.h"

namespace ordeal::fault {
namespace {

using packets::DelayShape;
using packets::Direction;
using packets::JitterKind;
using packets::PacketVerdict;

AttackInfo describe_attack() {
  using Kind = ArgumentKind;
  AttackInfo info;
  info.type = "latency";
  info.summary = "Delays packets to or from the victim.";
  info.arguments = {
      {"delay", Kind::kDuration, 1ms, "\"100ms\"", "Added delay, 1us to 60s", "-m, in milliseconds", 1e-6, 60},
      {"jitter", Kind::kDuration, 1ms, "\"0s\"", "How much each packet's delay varies, 0 to 60s", "none", 0, 60},
      {.name = "distribution",
       .kind = Kind::kWord,
       .fallback = "\"uniform\"",
       .help =
           "Distribution of the jitter: uniform (within ±jitter); normal (jitter is one sigma); pareto (shape 3, with "
           "delay as mean, jitter as sigma, cut at 4 sigma); paretonormal (0.25 normal + 0.75 pareto, as netem's)",
       .gremlin = "",
       .choices = {"uniform", "normal", "pareto", "paretonormal"}},
      {.name = "correlation",
       .kind = Kind::kPercent,
       .fallback = "0",
       .help = "How much a packet's delay follows that of the one before it, 0 to 99; the distribution stays the same",
       .gremlin = "none; Chaos Mesh's correlation",
       .least = 0,
       .most = 99},
      {.name = "recorded",
       .kind = Kind::kTextList,
       .fallback = "null",
       .help = "Delays that were measured, 0s to 60s each, at most 4096, to draw from instead of delay and jitter; a "
               "bare number is in ms. \"@FILE\" names a file of them beside the experiment, read by `plan` and `run`",
       .gremlin = "none"},
      direction_argument("Gremlin acts on departure; arrival has the same round trip and does not starve bulk TCP"),
      mark_argument(),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a slow database only slows the site down\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: latency\n"
      "  args: {delay: 300ms, jitter: 50ms, port: 5432}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = queue_mechanisms();
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there, for direction departure"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were delayed and sent on, per direction (95 % and "
      "min_events are required), and the delay that was added";
  info.noticed =
      "each round trip over what matches takes {delay} longer, a new connection two of them and one with TLS three or "
      "four; what comes too late for somebody's timeout fails; nothing where no such packet passes";
  info.judged = judged_packets();
  info.when_frozen =
      "matching packets are held for up to 1 s, until the kernel's lease ends, and then pass; packets held by then "
      "stay held until Ordeal resumes or is killed";
  info.limits = {"only one run at a time can attack packets in a network namespace; a second is refused",
                 "if somebody else removes a netfilter base chain in the namespace (a firewall reload), the kernel "
                 "drops the packets held on arrival at that moment, and only those; the proof counts them",
                 "if all of Ordeal is killed, held packets are lost, and later ones flow normally",
                 "in a cluster recorded delays stand in the experiment itself, not in a file",
                 "with ports, jitter or a shared network namespace the kernel reassembles fragmented packets before "
                 "they are held; one whose fragments arrive right at the start or end of the attack may be lost; where "
                 "the kernel cannot (no NFT_TPROXY), fragments pass and count as missed",
                 "at the end all held packets are released at once: a receiver whose socket buffer is too small for "
                 "them drops the rest",
                 "packets are held before connection tracking, which does not see them until they are released",
                 "on departure, re-sent packets come from Ordeal's socket: other rules that match a socket's owner "
                 "(user, group, cgroup) see Ordeal's; a datagram longer than the device's MTU is held in the kernel "
                 "instead and fills the sender's socket buffer, so the sender is limited to one buffer per delay"};
  return info;
}

const AttackInfo& latency_info() {
  static const AttackInfo info = describe_attack();
  return info;
}

constexpr size_t kMostRecorded = 4096;

JitterKind distribution_of(const Attack& attack) {
  static const std::vector<std::string> words{"uniform", "normal", "pareto", "paretonormal"};
  auto found = std::find(words.begin(), words.end(), text_argument(attack, "distribution"));
  return static_cast<JitterKind>(found - words.begin());
}

// Sorted; nothing where none are given.
Result<std::shared_ptr<const std::vector<Nanos>>> read_recorded(const Attack& attack) {
  if (!attack.args.contains("recorded")) return std::shared_ptr<const std::vector<Nanos>>();
  std::vector<Nanos> delays;
  for (const std::string& text : list_argument(attack, "recorded")) {
    auto number = parse_number<double>(text);
    auto delay = number ? Result<Nanos>(from_seconds(*number / 1e3)) : parse_duration(text);
    if (!delay || *delay < Nanos(0) || *delay > 60s || (number && !(*number >= 0 && *number <= 60'000)))
      return refuse_field(attack, "args.recorded", fmt::format("expected durations from 0s to 1m, found \"{}\"", text));
    delays.push_back(*delay);
  }
  if (delays.empty() || delays.size() > kMostRecorded)
    return refuse_field(attack, "args.recorded",
                        fmt::format("expected 1 to {} delays, found {}", kMostRecorded, delays.size()));
  std::sort(delays.begin(), delays.end());
  return std::make_shared<const std::vector<Nanos>>(std::move(delays));
}

std::string recorded_in_words(const std::vector<Nanos>& delays) {
  return fmt::format("hold packets for one of {} recorded delays, {} to {}, {} at the median", delays.size(),
                     format_duration(delays.front()), format_duration(delays.back()),
                     format_duration(delays[delays.size() / 2]));
}

class LatencyFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return latency_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use = usability_by_queue(features);
    if (use.usable && !features.can("CAP_NET_RAW")) use.limits = "only direction: arrival (no CAP_NET_RAW)";
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    if (!TRY(read_recorded(attack))) return {};
    for (const char* name : {"delay", "jitter", "distribution"})
      if (is_given(attack, name))
        return refuse_field(attack, std::string("args.") + name, "the recorded delays say how long packets are held");
    return {};
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    auto recorded = TRY(read_recorded(attack));
    DelayShape shape{.delay = duration_argument(attack, "delay"),
                     .jitter = duration_argument(attack, "jitter"),
                     .kind = distribution_of(attack),
                     .correlation = number_argument(attack, "correlation") / 100,
                     .recorded = std::move(recorded)};
    return PacketVerdict{packets::Hold{std::move(shape)}};
  }

  ProvePackets prove() const override { return prove_latency; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    const DelayShape& shape = verdict.held()->shape;
    if (shape.recorded) return recorded_in_words(*shape.recorded);
    std::string jitter = shape.jitter > Nanos(0) ? " ± " + format_duration(shape.jitter) : "";
    return fmt::format("hold packets for {}{}", format_duration(shape.delay), jitter);
  }

  std::string undo_in_words() const override {
    return "release held packets; the kernel removes the table when the guard's socket closes, and the lease expires "
           "after 1 s";
  }

  std::vector<std::string> notes(Direction direction) const override {
    if (direction == Direction::kDeparture) return {};
    return {"Gremlin delays on departure; the round trip is the same",
            "if somebody else removes a netfilter chain in the namespace meanwhile, the kernel drops the packets held "
            "at that moment; the proof counts them"};
  }
};

}  // namespace

const Fault& latency_fault() {
  static const LatencyFault fault;
  return fault;
}

}  // namespace ordeal::fault
