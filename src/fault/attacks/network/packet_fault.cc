#include "fault/attacks/network/packet_fault.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include "fault/attacks/victim/live_victim.h"
#include "fault/attacks/victim/scope.h"
#include "fault/packets/names/lookup.h"

namespace ordeal::fault {
namespace {

using packets::Direction;

Result<std::vector<Direction>> read_direction(const std::string& word) {
  if (word == "arrival") return std::vector{Direction::kArrival};
  if (word == "departure") return std::vector{Direction::kDeparture};
  if (word == "both") return std::vector{Direction::kArrival, Direction::kDeparture};
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.direction: expected arrival, departure or both, found \"{}\"", word));
}

Result<uint32_t> link_of(const sys::NetNs& netns, const std::string& device) {
  if (device.empty()) return 0;
  if (auto index = TRY(sys::Links::open(netns)).index_of(device)) return *index;
  return fail(Errc::kNotFound,
              fmt::format("attack.args.device: there is no network device {} in the network namespace {}", device,
                          netns.id().inode));
}

}  // namespace

Result<PacketPlace> place_of(const Victim& victim, packets::Traffic& traffic) {
  if (victim.kind == VictimKind::kHost) {
    sys::NetNs host = TRY(sys::NetNs::current());
    uint32_t link = TRY(link_of(host, traffic.device));
    return PacketPlace{std::move(host), std::nullopt, link, true};
  }
  LiveVictim live = TRY(look_at(victim));
  if (live.processes.empty()) return fail(Errc::kNotFound, victim.name + " has no process");
  PacketPlace place{TRY(sys::NetNs::of_process(live.processes.front().pid)), std::nullopt, 0};
  if (victim.netns != 0 && place.netns.id().inode != victim.netns)
    return fail(Errc::kNotFound, victim.name + " is now in another network namespace");
  NetScope scope = TRY(net_scope(victim, place.netns));
  bool sockets_only = traffic.protocols != std::vector<uint8_t>{IPPROTO_ICMP, IPPROTO_ICMPV6};
  if (!scope.alone || sockets_only) place.scope = scope.sockets, place.cgroup = scope.cgroup;
  place.alone = scope.alone;
  place.link = TRY(link_of(place.netns, traffic.device));
  traffic.scope = place.scope;
  traffic.alone = place.alone;
  return place;
}

std::string judged_packets() {
  return "all sockets of the victim's cgroup, or of the cgroup in which a lone process is alone, and with a "
         "namespace-wide rule every process in the network namespace; with the target host the whole host, by the "
         "policies alone. A protected process is refused (3); one that joins later ends the attack, or, where only "
         "ICMP "
         "is namespace-wide, ICMP is left alone from then on";
}

ArgumentInfo direction_argument(std::string gremlin) {
  return {.name = "direction",
          .kind = ArgumentKind::kWord,
          .fallback = "\"arrival\"",
          .help = "Packets arriving at the victim, leaving it, or both",
          .gremlin = std::move(gremlin),
          .choices = {"arrival", "departure", "both"}};
}

ArgumentInfo mark_argument() {
  return {"mark",      ArgumentKind::kInteger, 1s, "4194304", "Packet mark bit set on packets that Ordeal sends", "", 1,
          2147483648.0};
}

std::vector<std::string> queue_mechanisms() {
  return {"nftables queue in an owned table", "the xt NFQUEUE target in an owned table"};
}

Usability PacketFault::usability_by_queue(const host::Features& features) const {
  Usability use = PacketFault::usability(features);
  if (use.usable) use.how = info().mechanisms[*features.queue == sys::QueueStyle::kNative ? 0 : 1];
  return use;
}

Usability PacketFault::usability(const host::Features& features) const {
  bool allowed = features.can("CAP_NET_ADMIN") && features.can("CAP_SYS_ADMIN");
  if (!features.queue)
    return {false, features.queue.error().message(), "",
            allowed ? "load the kernel modules nf_tables, nfnetlink_queue and nft_queue or xt_NFQUEUE"
                    : "run Ordeal as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"};
  if (!features.owned_tables)
    return {false, "nftables has no owned tables here, so a rule could outlive Ordeal", "", "use Linux 5.12 or newer"};
  return {true, info().mechanisms[0], "", ""};
}

Result<std::vector<Direction>> PacketFault::directions_of(const Attack& attack) const {
  return read_direction(text_argument(attack, "direction"));
}

Result<PacketAttack> PacketFault::read(const Attack& attack) const {
  PacketAttack read;
  read.verdict = TRY(verdict_of(attack));
  read.directions = TRY(directions_of(attack));
  read.mark = mark_of(attack);
  read.min_events = attack.min_events;
  read.traffic = TRY(traffic_of(attack));
  return read;
}

Result<std::vector<Step>> PacketFault::plan(const Victim& victim, const Attack& attack, const Protection&) const {
  PacketAttack wanted = TRY(read(attack));
  PacketPlace place = TRY(place_of(victim, wanted.traffic));
  std::vector<Step> steps;
  for (Direction direction : wanted.directions) steps.push_back(step_for(victim, wanted, place, direction));
  return steps;
}

Result<std::vector<std::string>> PacketFault::names_now(const Attack& attack) const {
  return packets::names_in_words(TRY(packets::read_traffic(attack)));
}

Result<Reach> PacketFault::reach(const Victim& victim, const Attack& attack) const {
  if (victim.kind == VictimKind::kHost) return whole_victim(victim);
  PacketAttack wanted = TRY(read(attack));
  PacketPlace place = TRY(place_of(victim, wanted.traffic));
  bool gives_way = wanted.traffic.means_icmp_besides();
  if (place.scope && !gives_way) return cgroup_reach(victim, place.cgroup);
  Reach reach = TRY(netns_reach(victim));
  reach.gives_way = gives_way;
  return reach;
}

Result<std::unique_ptr<Impact>> PacketFault::apply(const Victim& victim, const Attack& attack,
                                                   const Context& context) const {
  PacketAttack wanted = TRY(read(attack));
  PacketPlace place = TRY(place_of(victim, wanted.traffic));
  auto impact = std::make_unique<PacketImpact>(victim, std::move(wanted), prove());
  impact->confirm_also(confirm_of(attack, context));
  TRY_VOID(impact->start(std::move(place), context));
  return impact;
}

Step PacketFault::step_for(const Victim& victim, const PacketAttack& attack, const PacketPlace& place,
                           Direction direction) const {
  const char* name = name_of(direction);
  ino_t netns = place.netns.id().inode;
  Step step;
  step.kind = StepKind::kOwned;
  step.victim = victim.name;
  step.action = fmt::format("{} on {} in network namespace {} ({})", act_in_words(attack.verdict), name, netns,
                            describe(attack.traffic));
  step.undo = undo_in_words();
  step.proof = info().proof;
  std::string resource = place.scope ? fmt::format("cgroup:{}", place.cgroup) : fmt::format("netns:{}", netns);
  // The whole namespace is the run's: at the end of another run's attack the kernel would drop what this one holds.
  step.claims = {fmt::format("{}/packets/{}", resource, name), fmt::format("netns:{}/packets/*", netns)};
  if (attack.traffic.looks_up()) step.claims.push_back(kLookups);
  if (place.scope)
    step.notes.push_back(
        "only packets of sockets created in the cgroup are hit, whatever else is in the network namespace or joins it; "
        "packets that belong to no socket pass");
  if (place.scope && victim.cgroup.empty())
    step.notes.push_back(fmt::format(
        "it is alone in its cgroup {}: any other process that joins ends the attack within 100 ms of being seen",
        place.cgroup));
  if (attack.traffic.means_icmp_besides())
    step.notes.push_back("ICMP of the whole network namespace is hit too, until another process joins it");
  step.notes.push_back("exempt: neighbour discovery, Packet Too Big, and Ordeal's own monitoring");
  if (attack.traffic.reads_ports() || needs_whole_packets(attack.verdict))
    step.notes.push_back(
        "fragments are reassembled in the namespace before the rules see them, as with connection tracking");
  if (attack.verdict.bursts)
    step.notes.push_back(
        "for bursts every matching packet goes through a queue to be drawn, which costs about 8 us of CPU time each; "
        "without them the kernel draws, and the rest is not touched");
  for (std::string& note : notes(direction)) step.notes.push_back(std::move(note));
  return step;
}

}  // namespace ordeal::fault
