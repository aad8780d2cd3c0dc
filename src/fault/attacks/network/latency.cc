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
      {"jitter", Kind::kDuration, 1ms, "\"0s\"", "How much each packet's delay varies, 0 to 60s", "none", 0, 60},
      {.name = "distribution",
       .kind = Kind::kWord,
       .fallback = "\"uniform\"",
       .help = "Distribution of the jitter: uniform (within ±jitter) or normal (jitter is one sigma)",
       .gremlin = "",
       .choices = {"uniform", "normal"}},
      direction_argument("Gremlin acts on departure; arrival has the same round trip and does not starve bulk TCP"),
      {"mark", Kind::kInteger, 1s, "4194304", "Packet mark bit set on packets re-sent on departure", "", 1,
       2147483648.0},
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
  info.mechanisms = {"nftables queue in an owned table", "the xt NFQUEUE target in an owned table"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there, for direction departure"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were delayed and sent on, per direction (95 % and "
      "min_events are required), and the delay that was added";
  info.judged = judged_packets();
  info.when_frozen =
      "matching packets are held for up to 1 s, until the kernel's lease ends, and then pass; packets held by then "
      "stay held until Ordeal resumes or is killed";
  info.limits = {"only one run at a time can attack packets in a network namespace; a second is refused",
                 "if somebody else removes a netfilter base chain in the namespace (a firewall reload), the kernel "
                 "drops the packets held on arrival at that moment, and only those; the proof counts them",
                 "if all of Ordeal is killed, held packets are lost, and later ones flow normally",
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
