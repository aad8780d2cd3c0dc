// packet_loss: a share of the victim's packets is dropped, or, as Gremlin has it, corrupted. The kernel draws for each
// packet, and what it does not draw is never touched; for bursts the queue's reader draws.
#include <fmt/format.h>

#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/shares/share_arguments.h"
#include "fault/attacks/shares/share_proof.h"

namespace ordeal::fault {
namespace {

using packets::Bursts;
using packets::Direction;
using packets::PacketVerdict;

// Arguments of netem's gemodel, by its names.
std::vector<ArgumentInfo> model_arguments() {
  auto percent = [](const char* name, const char* help) {
    return ArgumentInfo{.name = name,
                        .kind = ArgumentKind::kPercent,
                        .fallback = "null",
                        .help = help,
                        .gremlin = "",
                        .least = name[0] == 'l' ? 0 : 0.0001,
                        .most = 100};
  };
  return {percent("p", "Gilbert-Elliott model, instead of percent: chance per packet to turn from good to bad"),
          percent("r", "Chance per packet to turn from bad to good; 100 - p when absent"),
          percent("loss_bad", "Percentage dropped while bad (netem's 1-h); 100 when absent"),
          percent("loss_good", "Percentage dropped while good (netem's 1-k); 0 when absent")};
}

std::optional<double> share_argument(const Attack& attack, const std::string& name) {
  if (!attack.args.contains(name)) return std::nullopt;
  return number_argument(attack, name) / 100;
}

// Only with `p`.
Bursts read_model(const Attack& attack) {
  double p = *share_argument(attack, "p");
  return {.to_bad = p,
          .to_good = share_argument(attack, "r").value_or(std::max(1 - p, 1e-6)),
          .hit_bad = share_argument(attack, "loss_bad").value_or(1),
          .hit_good = share_argument(attack, "loss_good").value_or(0)};
}

AttackInfo describe_loss() {
  AttackInfo info;
  info.type = "packet_loss";
  info.summary = "Drops a percentage of the packets to or from the victim.";
  info.arguments = {
      percent_argument("drop", "1", "-r, --percent"),
      {.name = "corrupt",
       .kind = ArgumentKind::kBoolean,
       .fallback = "false",
       .help = "Corrupt the packets instead, so that their receiver drops them: the attack corrupt",
       .gremlin = "-c, --corrupt"},
      correlation_argument(),
      direction_argument("Gremlin drops on departure; a round trip is lost as often either way"),
  };
  for (ArgumentInfo& argument : model_arguments()) info.arguments.push_back(std::move(argument));
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
      "nftables rules in an owned table that draw at random; they drop on arrival, and a queue drops on departure; for "
      "bursts the queue draws and drops"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were dropped, per direction: the requested "
      "percentage within 4 standard deviations (of bursts, which vary more, by the model's own), and at least "
      "min_events";
  info.noticed =
      "{percent} % of the packets that match are lost (with p and r as many as their bursts come to): TCP sends them "
      "again, after a round trip or more (a new connection after 1 s), UDP never; at 100 % nothing gets through at "
      "all; "
      "nothing where no such packet passes";
  info.judged = judged_packets();
  info.when_frozen =
      "packets are still dropped for up to 1 s, until the kernel's lease ends, and then pass; those drawn on departure "
      "by then stay queued until Ordeal resumes or is killed, and TCP does not retransmit them meanwhile";
  info.limits = {"only one run at a time can attack packets in a network namespace; a second is refused",
                 merged_packets("dropped"),
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

  Result<> check_arguments(const Attack& attack) const override {
    if (!attack.args.contains("p")) {
      for (const char* name : {"r", "loss_bad", "loss_good"})
        if (attack.args.contains(name))
          return refuse_field(attack, std::string("args.") + name,
                              "belongs to the Gilbert-Elliott model, which needs p");
      return {};
    }
    for (const char* name : {"percent", "correlation"})
      if (is_given(attack, name))
        return refuse_field(attack, std::string("args.") + name,
                            "the Gilbert-Elliott model (p) says how much is lost, and how");
    if (read_model(attack).share() <= 0)
      return refuse_field(attack, "args.loss_bad", "with this nothing would ever be dropped");
    return {};
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    PacketVerdict verdict = share_of(attack, packets::Drop{});
    if (flag_argument(attack, "corrupt")) verdict.act = packets::Corrupt{};
    if (!attack.args.contains("p")) return verdict;
    verdict.bursts = read_model(attack);
    verdict.share = verdict.bursts->share();
    return verdict;
  }

  ProvePackets prove() const override { return prove_share; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    bool drops = std::holds_alternative<packets::Drop>(verdict.act);
    return (drops ? "drop " : "corrupt ") + share_in_words(verdict);
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
