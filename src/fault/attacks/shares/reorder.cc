// reorder: a share of the victim's packets comes late, and the others overtake them. netem, and so Chaos Mesh, mean the
// opposite by the same words: all are delayed and the share goes at once, so that nearly all are out of order.
#include <fmt/format.h>

#include "core/base/duration.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/shares/share_arguments.h"
#include "fault/attacks/shares/share_proof.h"

namespace ordeal::fault {
namespace {

using packets::DelayShape;
using packets::Direction;
using packets::PacketVerdict;

constexpr const char* kNotAsNetem =
    "netem and Chaos Mesh mean the share that is *not* delayed: with packets closer together than the delay, 75 to 80 "
    "% "
    "come out of order whatever is asked; here the share is what comes late";

AttackInfo describe_reorder() {
  AttackInfo info;
  info.type = "reorder";
  info.summary = "Holds a percentage of the packets to or from the victim, so that later ones overtake them.";
  info.arguments = {
      percent_argument("deliver late", "10", "none; unlike Chaos Mesh's reorder, see the limits", 90),
      {"delay", ArgumentKind::kDuration, 1ms, "\"10ms\"",
       "How late, 1ms to 60s: longer than packets are apart, else nothing overtakes", "none", 1e-3, 60},
      correlation_argument(),
      direction_argument("Chaos Mesh reorders on departure"),
      mark_argument(),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: messages out of order are put in order\n"
      "target: {type: container, name: orders}\n"
      "attack:\n"
      "  type: reorder\n"
      "  args: {percent: 10, delay: 20ms, port: 7000}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = queue_mechanisms();
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there, for direction departure"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were held for the delay and went on while the "
      "others passed, 95 % of those drawn, with another packet in each delay in the mean, per direction: the requested "
      "percentage within 4 standard deviations (of bursts, which vary more, by "
      "the "
      "model's own), and at least min_events";
  info.noticed =
      "{percent} % of the packets that match come {delay} late, and those sent meanwhile before them; nothing where no "
      "such packet passes, or one at a time";
  info.judged = judged_packets();
  info.when_frozen =
      "packets that were drawn are held for up to 1 s, until the kernel's lease ends, and then pass; those held by "
      "then "
      "stay held until Ordeal resumes or is killed";
  info.limits = {kNotAsNetem,
                 "only one run at a time can attack packets in a network namespace; a second is refused",
                 "a packet is late by the delay; it is out of order only if another one follows within it: traffic "
                 "that is sparser proves nothing, nor does a delay so long that more than 5 % of what was drawn is "
                 "let go at the end",
                 "if somebody else removes a netfilter base chain in the namespace (a firewall reload), the kernel "
                 "drops the packets held on arrival at that moment, and only those; the proof counts them",
                 "if all of Ordeal is killed, held packets are lost, and later ones flow normally",
                 merged_packets("held"),
                 "fragmented packets are put together by the kernel first; where it cannot (no NFT_TPROXY), fragments "
                 "pass and count as missed",
                 "on departure, re-sent packets come from Ordeal's socket: other rules that match a socket's owner "
                 "(user, group, cgroup) see Ordeal's"};
  return info;
}

const AttackInfo& reorder_info() {
  static const AttackInfo info = describe_reorder();
  return info;
}

class ReorderFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return reorder_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use = usability_by_queue(features);
    if (use.usable && !features.can("CAP_NET_RAW")) use.limits = "only direction: arrival (no CAP_NET_RAW)";
    return use;
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    return share_of(attack, packets::Hold{DelayShape{.delay = duration_argument(attack, "delay")}});
  }

  ProvePackets prove() const override { return prove_share; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    return fmt::format("deliver {} {} late", share_in_words(verdict), format_duration(verdict.held()->shape.delay));
  }

  std::string undo_in_words() const override {
    return "release held packets; the kernel removes the table when the guard's socket closes, and the lease expires "
           "after 1 s";
  }

  std::vector<std::string> notes(Direction) const override { return {kNotAsNetem}; }
};

}  // namespace

const Fault& reorder_fault() {
  static const ReorderFault fault;
  return fault;
}

}  // namespace ordeal::fault
