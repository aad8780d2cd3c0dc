// duplicate: a share of the victim's packets comes twice. The packet itself goes on as it is; its copy is sent behind
// it by a socket of Ordeal's, and is not duplicated again.
#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/shares/share_arguments.h"
#include "fault/attacks/shares/share_proof.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketVerdict;

// On arrival Ordeal would have to send to the victim what another host has sent, which routing, the filters of the
// device and a socket that is bound to it take for another packet.
ArgumentInfo departure_argument() {
  return {.name = "direction",
          .kind = ArgumentKind::kWord,
          .fallback = "\"departure\"",
          .help = "Packets leaving the victim; for those that arrive, duplicate what their sender lets leave",
          .gremlin = "Chaos Mesh duplicates on departure",
          .choices = {"departure"}};
}

AttackInfo describe_duplicate() {
  AttackInfo info;
  info.type = "duplicate";
  info.summary = "Sends a percentage of the packets from the victim twice.";
  info.arguments = {
      percent_argument("duplicate", "1", "none; Chaos Mesh's duplicate"),
      correlation_argument(),
      departure_argument(),
      mark_argument(),
  };
  for (ArgumentInfo& argument : packets::traffic_arguments()) info.arguments.push_back(std::move(argument));
  info.example =
      "name: a message that comes twice is handled once\n"
      "target: {type: container, name: orders}\n"
      "attack:\n"
      "  type: duplicate\n"
      "  args: {percent: 10, port: 7000, protocol: udp}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.step = StepKind::kOwned;
  info.mechanisms = queue_mechanisms();
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were drawn and their copies sent, by the count of "
      "those that left the namespace's last hook: 95 % of those drawn were sent, the requested percentage within 4 "
      "standard deviations "
      "(of bursts, which vary more, by the model's own), and at least min_events";
  info.noticed =
      "{percent} % of the packets that match come twice: TCP drops the second, an application over UDP sees both; "
      "nothing where no such packet passes";
  info.judged = judged_packets();
  info.when_frozen =
      "packets that were drawn are held for up to 1 s, until the kernel's lease ends, and then pass; those drawn by "
      "then "
      "stay queued until Ordeal resumes or is killed";
  info.limits = {
      "only one run at a time can attack packets in a network namespace; a second is refused",
      "TCP drops the second copy by itself, so that the application sees it on UDP alone",
      "on departure alone: what arrives at the victim is duplicated by attacking its sender",
      "a datagram longer than the device's MTU is not duplicated, and counts as missed",
      merged_packets("duplicated"),
      "a packet that is drawn passes Ordeal's reader, and others that come within about 0.1 ms may overtake it; with a "
      "correlation all pass it, in order",
      "copies come from Ordeal's socket: other rules that match a socket's owner (user, group, cgroup) see "
      "Ordeal's"};
  return info;
}

const AttackInfo& duplicate_info() {
  static const AttackInfo info = describe_duplicate();
  return info;
}

class DuplicateFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return duplicate_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use = usability_by_queue(features);
    if (!use.usable || features.can("CAP_NET_RAW")) return use;
    return {false, "no CAP_NET_RAW, to send copies", "", "run Ordeal as root, or give it CAP_NET_RAW"};
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    return share_of(attack, packets::Duplicate{});
  }

  ProvePackets prove() const override { return prove_share; }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    return "duplicate " + share_in_words(verdict);
  }

  std::string undo_in_words() const override {
    return "the kernel removes the table when the guard's socket closes, and the lease expires after 1 s";
  }

  std::vector<std::string> notes(Direction) const override { return {}; }
};

}  // namespace

const Fault& duplicate_fault() {
  static const DuplicateFault fault;
  return fault;
}

}  // namespace ordeal::fault
