// blackhole: the victim's packets are lost, or refused, in both directions unless asked otherwise. Established
// connections are hit like new ones.
#include <fmt/format.h>

#include <map>

#include "fault/attacks/connectivity/blackhole_fault.h"
#include "fault/attacks/connectivity/blackhole_proof.h"
#include "fault/attacks/faults.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketVerdict;

struct Manner {
  PacketVerdict verdict;
  const char* words;
};

const std::map<std::string, Manner>& manners() {
  static const std::map<std::string, Manner> all{
      {"drop", {{packets::Drop{}}, "drop all packets"}},
      {"reset", {{packets::Refuse{sys::Refusal::kTcpReset}}, "drop all packets, answering TCP with a reset,"}},
      {"icmp", {{packets::Refuse{sys::Refusal::kHostUnreachable}}, "drop all packets, answering host unreachable,"}},
  };
  return all;
}

std::vector<ArgumentInfo> blackhole_arguments() {
  std::vector<ArgumentInfo> arguments{
      {.name = "how",
       .kind = ArgumentKind::kWord,
       .fallback = "\"drop\"",
       .help = "drop (nobody is told), reset (TCP is answered by a reset) or icmp (host unreachable)",
       .gremlin = "none, it drops",
       .choices = {"drop", "reset", "icmp"}},
      direction_argument("both, as ours"),
  };
  arguments.back().fallback = "\"both\"";
  for (ArgumentInfo& argument : packets::traffic_arguments()) arguments.push_back(std::move(argument));
  return arguments;
}

AttackInfo describe_blackhole() {
  AttackInfo info;
  info.type = "blackhole";
  info.summary = "Drops or refuses all of the packets to and from the victim, or those that are meant.";
  info.arguments = blackhole_arguments();
  info.example =
      "name: the site works without the payment service\n"
      "target: {type: container, name: shop}\n"
      "attack:\n"
      "  type: blackhole\n"
      "  args: {ports: 8443, protocol: tcp}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.hits = Hits::kOnePacket;
  info.step = StepKind::kOwned;
  info.mechanisms = {
      "nftables rules in an owned table; they drop on arrival and refuse, and a queue drops on departure"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.proof =
      "how many of the matching packets, counted next to the rule, were dropped or refused: 95 % of each direction, "
      "and "
      "at least one packet in all";
  info.noticed =
      "what matches gets no answer: connections time out, or are refused at once with `how`; nothing where no such "
      "packet "
      "passes";
  info.judged = judged_packets();
  info.when_frozen =
      "packets are still dropped for up to 1 s, until the kernel's lease ends, and then pass; those dropped on "
      "departure "
      "by then stay queued until Ordeal resumes or is killed, and TCP does not retransmit them meanwhile";
  info.limits = {
      "only one run at a time can attack packets in a network namespace; a second is refused",
      "min_events does not count here: what is dropped is not answered, so little follows",
      "packets are dropped before connection tracking, which never sees them",
      "after the end an established TCP connection may stay silent for as long as the fault lasted, at most 2 "
      "minutes: the sender's next retransmission decides",
      "with how: drop the sender sees no error, as on a wire",
      "with how: reset or icmp, a send() of UDP by the victim fails with EPERM, established TCP ignores ICMP, "
      "and resets and ICMP unreachable messages themselves pass",
      "with how: reset or icmp, the kernel may lose the first answer to what departs over IPv6: a connect() is then "
      "refused after 1 s"};
  return info;
}

const AttackInfo& blackhole_info() {
  static const AttackInfo info = describe_blackhole();
  return info;
}

}  // namespace

const AttackInfo& BlackholeFault::info() const { return blackhole_info(); }

Result<PacketVerdict> BlackholeFault::verdict_of(const Attack& attack) const {
  return manners().at(text_argument(attack, "how")).verdict;
}

ProvePackets BlackholeFault::prove() const { return prove_blackhole; }

std::string BlackholeFault::act_in_words(const PacketVerdict& verdict) const {
  if (auto* refuse = std::get_if<packets::Refuse>(&verdict.act))
    return manners().at(refuse->how == sys::Refusal::kTcpReset ? "reset" : "icmp").words;
  return manners().at("drop").words;
}

std::string BlackholeFault::undo_in_words() const {
  return "the kernel removes the table when the guard's socket closes, and the lease expires after 1 s";
}

std::vector<std::string> BlackholeFault::notes(Direction) const {
  return {"established TCP may stay silent after the end for as long as the fault lasted (its next retransmission)"};
}

const Fault& blackhole_fault() {
  static const BlackholeFault fault;
  return fault;
}

}  // namespace ordeal::fault
