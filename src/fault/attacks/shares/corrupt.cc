// corrupt: one bit of a share of the victim's packets is turned over. Two faults: what the checksum tells, so that the
// receiver drops the packet, and what nothing tells, so that the application gets it.
#include <fmt/format.h>

#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/shares/share_arguments.h"
#include "fault/attacks/shares/share_proof.h"

namespace ordeal::fault {
namespace {

using packets::CorruptionKind;
using packets::Direction;
using packets::PacketVerdict;

AttackInfo describe_corrupt() {
  AttackInfo info;
  info.type = "corrupt";
  info.summary = "Turns over one bit in a percentage of the packets to or from the victim.";
  info.arguments = {
      percent_argument("corrupt", "1", "-r, --percent of packet_loss with --corrupt"),
      {.name = "checksum",
       .kind = ArgumentKind::kWord,
       .fallback = "\"wrong\"",
       .help =
           "wrong: the receiver's kernel sees it and drops the packet, as with netem; right: it is made anew, and the "
           "application gets the wrong data",
       .gremlin = "wrong",
       .choices = {"wrong", "right"}},
      correlation_argument(),
      direction_argument("Gremlin corrupts on departure"),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: wrong data is noticed\n"
      "target: {type: container, name: orders}\n"
      "attack:\n"
      "  type: corrupt\n"
      "  args: {percent: 1, checksum: right, port: 7000}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = queue_mechanisms();
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were drawn and accepted by the kernel in their "
      "changed form, per direction: the requested percentage within 4 standard deviations (of bursts, which vary more, "
      "by the model's own), and at least min_events";
  info.noticed =
      "{percent} % of the packets that match are dropped by their receiver, or with `checksum: right` reach the "
      "application with wrong bytes; nothing where no such packet passes";
  info.judged = judged_packets();
  info.when_frozen =
      "packets that were drawn are held for up to 1 s, until the kernel's lease ends, and then pass; those drawn by "
      "then "
      "stay queued until Ordeal resumes or is killed";
  info.limits = {"only one run at a time can attack packets in a network namespace; a second is refused",
                 "TCP, UDP and ICMP only; headers stay right, so that the packet reaches whom it was for",
                 "with a wrong checksum TCP sends anew and the application sees a delay, UDP a loss; an IPv4 datagram "
                 "without checksum is left alone",
                 "with a right checksum packets without payload (TCP's acknowledgements) are left alone; what has a "
                 "checksum of its own inside (TLS, a database's pages) breaks, and says so",
                 "what is left alone counts neither as hit nor as missed; where it is more than what was corrupted, "
                 "nothing is proven",
                 merged_packets("corrupted"),
                 "a packet that is drawn passes Ordeal's reader, and others that come within about 0.1 ms may overtake "
                 "it; with a correlation all pass it, in order",
                 "fragmented packets are put together by the kernel first; where it cannot (no NFT_TPROXY), fragments "
                 "pass and count as missed"};
  return info;
}

const AttackInfo& corrupt_info() {
  static const AttackInfo info = describe_corrupt();
  return info;
}

class CorruptFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return corrupt_info(); }
  Usability usability(const host::Features& features) const override { return usability_by_queue(features); }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    bool right = text_argument(attack, "checksum") == "right";
    return share_of(attack, packets::Corrupt{right ? CorruptionKind::kUndetected : CorruptionKind::kDetected});
  }

  ProvePackets prove() const override { return prove_share; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    bool detected = std::get<packets::Corrupt>(verdict.act).kind == CorruptionKind::kDetected;
    return fmt::format("turn over one bit in {}, with {}", share_in_words(verdict),
                       detected ? "the checksum left wrong (the receiver drops them)"
                                : "the checksum made right (the application gets them)");
  }

  std::string undo_in_words() const override {
    return "the kernel removes the table when the guard's socket closes, and the lease expires after 1 s";
  }

  std::vector<std::string> notes(Direction) const override { return {}; }
};

}  // namespace

const Fault& corrupt_fault() {
  static const CorruptFault fault;
  return fault;
}

}  // namespace ordeal::fault
