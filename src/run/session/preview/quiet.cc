#include "run/session/preview/quiet.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "fault/packets/traffic.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/sockets/link_packets.h"

namespace ordeal::session {
namespace {

constexpr Nanos kSeenFor = 200ms;

bool has_port(const packets::Traffic::Ports& ports, const sys::SocketPorts& socket) {
  using Side = packets::Traffic::Ports::Side;
  auto within = [&](uint16_t port) { return port >= ports.first && port <= ports.last; };
  return (ports.side != Side::kRemote && within(socket.local)) || (ports.side != Side::kLocal && within(socket.remote));
}

std::string range_of(const packets::Traffic::Ports& ports) {
  return ports.first == ports.last ? std::to_string(ports.first) : fmt::format("{}-{}", ports.first, ports.last);
}

// Of those whose packets would be hit: 1 without a share.
double share_of(const Attack& attack) {
  const json::Value* percent = attack.args.if_contains("percent");
  return percent && percent->is_number() ? percent->to_number<double>() / 100 : 1.0;
}

pid_t somebody_of(const Victim& victim) {
  return victim.kind == VictimKind::kHost || victim.processes.empty() ? ::getpid() : victim.processes.front().pid;
}

// One of each network namespace.
std::vector<Victim> one_of_each(const std::vector<Victim>& victims) {
  std::vector<Victim> some;
  std::set<ino_t> seen;
  for (const Victim& victim : victims)
    if (victim.netns == 0 || seen.insert(victim.netns).second) some.push_back(victim);
  return some;
}

// What the attack can see of them, in the directions that it means; nothing where it cannot be read.
std::optional<double> packets_of(const Victim& victim, const Attack& attack) {
  auto links = sys::link_packets_beside(somebody_of(victim));
  if (!links) return std::nullopt;
  std::string device = text_argument(attack, "device"), direction = text_argument(attack, "direction");
  double all = 0;
  for (const sys::LinkPackets& link : *links) {
    if (device.empty() ? link.device == "lo" : link.device != device) continue;
    if (direction != "departure") all += static_cast<double>(link.arrived);
    if (direction != "arrival") all += static_cast<double>(link.departed);
  }
  return all;
}

// Of all CPUs together, since the start.
std::optional<Nanos> idle_time() {
  constexpr size_t kIdle = 4;
  auto text = read_file("/proc/stat");
  if (!text) return std::nullopt;
  auto words = split_words(std::string_view(*text).substr(0, text->find('\n')), " ");
  auto ticks = words.size() > kIdle ? parse_number<int64_t>(words[kIdle]) : std::nullopt;
  return ticks ? std::optional(Nanos(*ticks * (1'000'000'000 / ::sysconf(_SC_CLK_TCK)))) : std::nullopt;
}

// A load in a limit is felt however idle the machine is.
bool is_limited(const Victim& victim) {
  auto tree = sys::CgroupTree::discover();
  if (victim.kind == VictimKind::kHost || !tree || victim.processes.empty()) return !tree;
  auto process = sys::read_process(victim.processes.front().pid);
  if (!process) return true;
  auto quota = sys::cpu_quota(*tree, victim.cgroup.empty() ? tree->path_of(*process, "cpu") : victim.cgroup);
  return !quota || quota->has_value();
}

std::vector<std::string> quiet_network(const Attack& attack, const std::vector<Victim>& victims,
                                       std::optional<int64_t> needed) {
  std::vector<Victim> some = one_of_each(victims);
  std::vector<std::optional<double>> before;
  for (const Victim& victim : some) before.push_back(packets_of(victim, attack));
  BootTime began = boot_now();
  ::usleep(static_cast<useconds_t>(std::chrono::duration_cast<std::chrono::microseconds>(kSeenFor).count()));
  std::vector<std::string> all;
  for (size_t i = 0; i < some.size(); ++i) {
    pid_t pid = somebody_of(some[i]);
    // Where packets only pass through, they match without a socket.
    auto sockets = sys::forwards_beside(pid) ? std::nullopt : sys::socket_ports_beside(pid);
    std::string unused = sockets ? unused_ports(attack, *sockets) : "";
    auto now = packets_of(some[i], attack);
    if (unused.empty() && needed && before[i] && now)
      unused = too_few_packets(attack, *needed, *now - *before[i], boot_now() - began);
    if (!unused.empty())
      all.push_back(fmt::format("{} may not be noticed on {}: {}", attack.type, some[i].name, unused));
  }
  return all;
}

std::vector<std::string> quiet_load(const Attack& attack, const std::vector<Victim>& victims,
                                    const fault::Demand& demand) {
  if (std::any_of(victims.begin(), victims.end(), is_limited)) return {};
  auto before = idle_time();
  BootTime began = boot_now();
  ::usleep(static_cast<useconds_t>(std::chrono::duration_cast<std::chrono::microseconds>(kSeenFor).count()));
  auto now = idle_time();
  if (!before || !now) return {};
  std::string taken =
      taken_by_idle(demand.asked, to_seconds(*now - *before) / to_seconds(boot_now() - began), demand.there);
  if (taken.empty()) return {};
  return {fmt::format("{} may not be noticed: {}", attack.type, taken)};
}

}  // namespace

std::string unused_ports(const Attack& attack, const std::vector<sys::SocketPorts>& sockets) {
  auto traffic = packets::read_traffic(attack);
  if (!traffic) return "";
  std::vector<std::string> named;
  for (const packets::Traffic::Ports& ports : traffic->ports) {
    if (ports.excluded) continue;
    named.push_back(range_of(ports));
    if (std::any_of(sockets.begin(), sockets.end(), [&](const auto& socket) { return has_port(ports, socket); }))
      return "";
  }
  if (named.empty()) return "";
  return fmt::format("no socket in its network namespace has port {} now; what is not used meanwhile is not hit",
                     join(named, ", "));
}

std::optional<int64_t> packets_needed(const AttackInfo& info, const Attack& attack) {
  if (info.hits == Hits::kPackets) return attack.min_events;
  return info.hits == Hits::kOnePacket ? std::optional<int64_t>(1) : std::nullopt;
}

std::string too_few_packets(const Attack& attack, int64_t needed, double packets, Nanos seen_for) {
  double expected = packets / to_seconds(seen_for) * to_seconds(attack.length);
  double share = share_of(attack), hit = expected * share;
  if (hit >= static_cast<double>(needed)) return "";
  std::string of_it = share < 1 ? fmt::format(", of which {:.4g} % are {:.2g}", share * 100, hit) : "";
  return fmt::format(
      "in {} {:.0f} packets passed, whatever their port; at that rate about {:.0f} do in {}{}; fewer than {} prove "
      "nothing",
      format_duration(std::chrono::round<milliseconds>(seen_for)), packets, expected, format_duration(attack.length),
      of_it, needed);
}

std::string taken_by_idle(double asked, double idle, double there) {
  if (asked > idle) return "";
  return fmt::format(
      "{:.2g} of {:g} CPUs are idle now, which perhaps take a load of {:.2g} without anybody waiting; ask for more, or "
      "run it under load",
      idle, there, asked);
}

std::vector<std::string> quiet_warnings(const AttackInfo& info, const Attack& attack,
                                        const std::vector<Victim>& victims, const std::vector<fault::Demand>& demands) {
  if (victims.empty() || info.hits == Hits::kQuestions) return {};
  if (info.hits_network) return quiet_network(attack, victims, packets_needed(info, attack));
  for (const fault::Demand& demand : demands)
    if (demand.of == "CPUs") return quiet_load(attack, victims, demand);
  return {};
}

}  // namespace ordeal::session
