// latency: packets of the victim are held for a while. On arrival by default: the same round trip as on departure,
// without starving bulk TCP (a packet held on departure still belongs to its socket).
#include <fmt/format.h>

#include "core/base/duration.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/latency_proof.h"
#include "fault/attacks/network/packet_fault.h"

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
      {"jitter", Kind::kDuration, 1ms, "\"0s\"", "Each packet's delay varies by it, 0 to 60s", "none", 0, 60},
      {.name = "distribution",
       .kind = Kind::kWord,
       .fallback = "\"uniform\"",
       .help = "Of the jitter: uniform (within ±jitter) or normal (jitter is one sigma)",
       .gremlin = "",
       .choices = {"uniform", "normal"}},
      direction_argument("Gremlin acts on departure; arrival has the same round trip and does not starve bulk TCP"),
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
  info.judged = judged_packets();
  info.when_frozen =
      "packets that are meant are held back for up to 1 s, until the kernel's lease ends, and then pass; what is held "
      "by then stays held until Ordeal goes on or is killed";
  info.limits = {
      "one run at a time attacks packets in a network namespace, a second one is refused",
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

Result<JitterKind> read_distribution(const std::string& word) {
  if (word == "uniform") return JitterKind::kUniform;
  if (word == "normal") return JitterKind::kNormal;
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.distribution: expected uniform or normal, found \"{}\"", word));
}

class LatencyFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return latency_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use = PacketFault::usability(features);
    if (!use.usable) return use;
    use.how = info().mechanisms[*features.queue == sys::QueueStyle::kNative ? 0 : 1];
    if (!features.can("CAP_NET_RAW")) use.limits = "only direction: arrival (no CAP_NET_RAW)";
    return use;
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    JitterKind kind = TRY(read_distribution(text_argument(attack, "distribution")));
    DelayShape shape{duration_argument(attack, "delay"), duration_argument(attack, "jitter"), kind};
    return PacketVerdict{packets::Hold{shape}};
  }

  uint32_t mark_of(const Attack& attack) const override {
    return static_cast<uint32_t>(number_argument(attack, "mark"));
  }

  ProvePackets prove() const override { return prove_latency; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    const DelayShape& shape = verdict.held()->shape;
    std::string jitter = shape.jitter > Nanos(0) ? " ± " + format_duration(shape.jitter) : "";
    return fmt::format("hold packets for {}{}", format_duration(shape.delay), jitter);
  }

  std::string undo_in_words() const override {
    return "let go of what is held; the kernel removes the table with the guard's socket, and its lease ends in 1 s";
  }

  std::vector<std::string> notes(Direction direction) const override {
    if (direction == Direction::kDeparture) return {};
    return {"Gremlin delays on departure; the round trip is the same",
            "if somebody else removes a netfilter chain in the namespace meanwhile, the kernel drops what is held just "
            "then; the proof counts it"};
  }
};

}  // namespace

const Fault& latency_fault() {
  static const LatencyFault fault;
  return fault;
}

}  // namespace ordeal::fault
