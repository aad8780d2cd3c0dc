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
#include "fault/attacks/victim/scope.h"

namespace ordeal::fault {
namespace {

using sys::Prefix;

constexpr Nanos kJudgePeers = 1s;
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
  info.judged +=
      "; each peer is judged as a victim is, with everybody in its network namespace, and again every second: it ends "
      "the attack when somebody protected joins there, and when the peer is gone. Peers do not count as targets";
  info.limits.insert(info.limits.begin(),
                     {"neither side may be the host or in its network namespace, and a peer must be alone in its own: "
                      "else others would be cut off, too",
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
  LiveVictim live = TRY(look_at(victim));
  return sys::NetNs::of_process(live.processes.front().pid);
}

// Its addresses are hit, whoever has them.
Result<> refuse_protected_beside(const Victim& peer, const Protection& protection) {
  auto allowed = refuse_protected_in(TRY(netns_reach(peer)), protection);
  return allowed ? Result<>{} : wrap(std::move(allowed).error(), "the peer " + peer.name + " is refused");
}

Result<> refuse_host(const Victim& side) {
  if (side.kind != VictimKind::kHost) return {};
  return fail(Errc::kRefused, "the host is no side of a partition: all that is routed through it would be cut off, too",
              "choose containers or processes with network namespaces of their own");
}

Result<> judge_peer(const Victim& peer, const Protection& protection) {
  TRY_VOID(refuse_host(peer));
  if (auto alone = owns_netns(peer); !alone) return wrap(std::move(alone).error(), "the peer " + peer.name);
  return refuse_protected_beside(peer, protection);
}

// That the peers' addresses are still theirs, and that nobody protected has come to them.
class PeerWatch {
 public:
  static Result<PeerWatch> start(const std::vector<Victim>& peers, const Context& context) {
    PeerWatch watch;
    for (const Victim& peer : peers) {
      LiveVictim live = TRY(look_at(peer));
      watch.peers_.push_back({peer, sys::netns_mark(live.processes.front().pid)});
    }
    watch.protection_ = context.protection;
    watch.next_ = context.now + kJudgePeers;
    return watch;
  }

  Result<> look(BootTime now) {
    for (const Peer& peer : peers_)
      if (!is_there(peer)) return fail(Errc::kNotInjected, fmt::format("the peer {} is gone", peer.victim.name));
    if (now < next_) return {};
    next_ = now + kJudgePeers;
    const Protection* protection = TRY(protection_());
    for (const Peer& peer : peers_) TRY_VOID(refuse_protected_beside(peer.victim, *protection));
    return {};
  }

 private:
  struct Peer {
    Victim victim;
    uint64_t mark;  // of its network namespace
  };
  static bool is_there(const Peer& peer) {
    return std::any_of(peer.victim.processes.begin(), peer.victim.processes.end(), [&](const ProcessId& id) {
      auto stat = sys::read_stat(id.pid);
      return stat && stat->start_ticks == id.start_ticks && stat->alive() && sys::netns_mark(id.pid) == peer.mark;
    });
  }

  std::vector<Peer> peers_;
  ProtectionNow protection_;
  BootTime next_;
};

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
    TRY_VOID(refuse_host(victim));
    for (const Victim& peer : attack.peers) TRY_VOID(judge_peer(peer, protection));
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
  PacketImpact::Confirm confirm_of(const Attack& attack, const Context& context) const override {
    auto watch = std::make_shared<Result<PeerWatch>>(PeerWatch::start(attack.peers, context));
    return [watch](BootTime now) -> Result<> {
      if (!*watch) return tl::unexpected(watch->error());
      return (*watch)->look(now);
    };
  }

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
