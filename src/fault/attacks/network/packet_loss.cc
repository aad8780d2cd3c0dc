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
  info.summary = "Drops a share of the packets to or from the victim.";
  info.arguments = {
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "1",
       .help = "Share of the packets that is dropped, above 0 to 100",
       .gremlin = "-r, --percent; its --corrupt is not part of this attack",
       .least = 0.0001,
       .most = 100},
      direction_argument("Gremlin drops on departure; a round trip is lost as often either way"),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a lossy network slows the database, no more\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: packet_loss\n"
      "  args: {percent: 5, port: 5432}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = {
      "nftables rules in an owned table that draw by chance; they drop on arrival, and on departure a queue does"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "of the packets that were meant, counted beside the rule, how many were dropped, for each direction: the share "
      "that was asked within 4 standard deviations, and min_events of them";
  info.judged = judged_packets();
  info.when_frozen =
      "the loss goes on for up to 1 s, until the kernel's lease ends, and then packets pass; those drawn on departure "
      "by "
      "then stay in the queue until Ordeal goes on or is killed, and TCP does not send them again meanwhile";
  info.limits = {
      "one run at a time attacks packets in a network namespace, a second one is refused",
      "what the kernel or the card has joined (GRO, TSO) is one packet, and is dropped as a whole",
      "with ports or a shared network namespace the kernel puts fragmented packets together before one is drawn; where "
      "it cannot (no NFT_TPROXY), they pass and count as missed; else each part is drawn for itself, as on a wire",
      "packets are dropped before connection tracking, which never sees them",
      "on departure the sender sees no error, as on a wire: what it sends is taken and never arrives"};
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
    return "the kernel removes the table with the guard's socket, and its lease ends in 1 s";
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
