// partition: nothing passes between the victims and another set of victims, the peers. The rules are the victims'; the
// peers are their addresses.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "fault/attacks/connectivity/blackhole_fault.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/victim/live_victim.h"

namespace ordeal::fault {
namespace {

using sys::Prefix;

constexpr const char* kNotOfBlackhole[] = {"hosts", "ips", "device"};

std::vector<ArgumentInfo> partition_arguments() {
  std::vector<ArgumentInfo> arguments{
      {.name = "peer",
       .kind = ArgumentKind::kTarget,
       .fallback = "",
       .help = "The other side: a target like that of the experiment, judged by the same rules",
       .gremlin = "none"},
  };
  for (const ArgumentInfo& argument : blackhole_fault().info().arguments)
    if (std::find(std::begin(kNotOfBlackhole), std::end(kNotOfBlackhole), argument.name) == std::end(kNotOfBlackhole))
      arguments.push_back(argument);
  for (ArgumentInfo& argument : arguments)
    if (argument.name == "direction") argument.help = "Packets arriving from the peers, leaving for them, or both";
  return arguments;
}

AttackInfo describe_partition() {
  AttackInfo info = blackhole_fault().info();
  info.type = "partition";
  info.summary = "Cuts the network between the victims and other victims, the peers.";
  info.arguments = partition_arguments();
  info.example =
      "name: the shop stays up without its database\n"
      "target: {type: container, name: shop}\n"
      "attack:\n"
      "  type: partition\n"
      "  args: {peer: {type: container, name: db}}\n"
      "  length: 2m\n";
  info.noticed =
      "nothing passes between the victims and the peers: connections between them time out; nothing where they do not "
      "talk";
  info.judged += "; each peer is judged as a victim is, by the policies and by what is always protected";
  info.limits.insert(info.limits.begin(),
                     {"a peer in the victim's own network namespace is refused: its packets cannot be told apart",
                      "the peers' addresses are those of the start; one that is reached by another address (a proxy, a "
                      "translated one) is not cut off",
                      "on one host only: in a cluster, give the peers' addresses to a blackhole"});
  return info;
}

bool is_of_use(const ifaddrs& one) {
  if (!one.ifa_addr || (one.ifa_flags & IFF_LOOPBACK)) return false;
  if (one.ifa_addr->sa_family == AF_INET) return true;
  if (one.ifa_addr->sa_family != AF_INET6) return false;
  auto* v6 = reinterpret_cast<const sockaddr_in6*>(one.ifa_addr);
  return !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

Result<Prefix> prefix_of(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  if (address.sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  ::inet_ntop(address.sa_family, bytes, text, sizeof text);
  return Prefix::parse(text);
}

Result<std::vector<Prefix>> addresses_in(const sys::NetNs& where) {
  return where.run([]() -> Result<std::vector<Prefix>> {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return fail_errno("cannot list the addresses of a network namespace");
    std::vector<Prefix> addresses;
    for (const ifaddrs* one = all; one; one = one->ifa_next)
      if (is_of_use(*one))
        if (auto prefix = prefix_of(*one->ifa_addr)) addresses.push_back(*prefix);
    ::freeifaddrs(all);
    return addresses;
  });
}

Result<sys::NetNs> netns_of(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return sys::NetNs::current();
  LiveVictim live = TRY(look_at(victim));
  if (live.processes.empty()) return fail(Errc::kNotFound, victim.name + " has no process");
  return sys::NetNs::of_process(live.processes.front().pid);
}

// Never none: no address would mean every one.
Result<std::vector<Prefix>> addresses_of_peers(const Attack& attack) {
  std::vector<Prefix> all;
  for (const Victim& peer : attack.peers) {
    auto addresses = TRY(addresses_in(TRY(netns_of(peer))));
    if (addresses.empty()) return fail(Errc::kRefused, fmt::format("the peer {} has no address but lo's", peer.name));
    all.insert(all.end(), addresses.begin(), addresses.end());
  }
  if (all.empty())
    return fail(Errc::kUnsupported, "partition needs its peers, which are selected on one host only",
                "in a cluster, give their addresses to a blackhole (ips)");
  return all;
}

class PartitionFault : public BlackholeFault {
 public:
  const AttackInfo& info() const override {
    static const AttackInfo info = describe_partition();
    return info;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack,
                                 const Protection& protection) const override {
    TRY_VOID(refuse_neighbours(victim, attack));
    auto steps = TRY(BlackholeFault::plan(victim, attack, protection));
    std::vector<std::string> names;
    for (const Victim& peer : attack.peers) names.push_back(peer.name);
    for (Step& step : steps) step.notes.push_back("peers: " + join(names, ", "));
    return steps;
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    return BlackholeFault::reach(victim, attack);
  }

 protected:
  Result<packets::Traffic> traffic_of(const Attack& attack) const override {
    packets::Traffic traffic = TRY(packets::read_traffic(attack));
    traffic.remotes = TRY(addresses_of_peers(attack));
    return traffic;
  }

 private:
  static Result<> refuse_neighbours(const Victim& victim, const Attack& attack) {
    auto own = TRY(netns_of(victim));
    for (const Victim& peer : attack.peers)
      if (TRY(netns_of(peer)).id() == own.id())
        return fail(Errc::kRefused, fmt::format("{} and its peer {} share a network namespace", victim.name, peer.name),
                    "choose peers with network namespaces of their own");
    return {};
  }
};

}  // namespace

const Fault& partition_fault() {
  static const PartitionFault fault;
  return fault;
}

}  // namespace ordeal::fault
