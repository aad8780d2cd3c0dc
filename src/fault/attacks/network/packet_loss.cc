// packet_loss: a share of the victim's packets is dropped. The kernel draws for each packet; what it does not draw is
// never touched.
#include <fmt/format.h>

#include "fault/attacks/faults.h"
#include "fault/attacks/network/loss_proof.h"
#include "fault/attacks/network/packet_fault.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketVerdict;

AttackInfo describe_loss() {
  AttackInfo info;
  info.type = "packet_loss";
  info.summary = "Drops a percentage of the packets to or from the victim.";
  info.arguments = {
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "1",
       .help = "Percentage of packets to drop, above 0 to 100",
       .gremlin = "-r, --percent; its --corrupt is not part of this attack",
       .least = 0.0001,
       .most = 100},
      direction_argument("Gremlin drops on departure; a round trip is lost as often either way"),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a lossy network only slows the database down\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: packet_loss\n"
      "  args: {percent: 5, port: 5432}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = {
      "nftables rules in an owned table that draw at random; they drop on arrival, and a queue drops on departure"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were dropped, per direction: the requested "
      "percentage within 4 standard deviations, and at least min_events";
  info.judged = judged_packets();
  info.when_frozen =
      "packets are still dropped for up to 1 s, until the kernel's lease ends, and then pass; those drawn on departure "
      "by then stay queued until Ordeal resumes or is killed, and TCP does not retransmit them meanwhile";
  info.limits = {"only one run at a time can attack packets in a network namespace; a second is refused",
                 "packets merged by the kernel or the NIC (GRO, TSO) count as one, and are dropped as a whole",
                 "with ports or a shared network namespace the kernel reassembles fragmented packets before one is "
                 "drawn; where it cannot (no NFT_TPROXY), fragments pass and count as missed; otherwise each fragment "
                 "is drawn separately, as on a wire",
                 "packets are dropped before connection tracking, which never sees them",
                 "on departure the sender sees no error, as on a wire: what it sends is accepted and never arrives"};
  return info;
}

const AttackInfo& loss_info() {
  static const AttackInfo info = describe_loss();
  return info;
}

class PacketLossFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return loss_info(); }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    return PacketVerdict{packets::Drop{}, number_argument(attack, "percent") / 100};
  }

  ProvePackets prove() const override { return prove_loss; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    return fmt::format("drop {:g} % of the packets", 100 * verdict.share);
  }

  std::string undo_in_words() const override {
    return "the kernel removes the table when the guard's socket closes, and the lease expires after 1 s";
  }

  std::vector<std::string> notes(Direction direction) const override {
    if (direction == Direction::kDeparture) return {};
    return {"Gremlin drops on departure; a round trip is lost as often either way"};
  }
};

}  // namespace

const Fault& packet_loss_fault() {
  static const PacketLossFault fault;
  return fault;
}

}  // namespace ordeal::fault
