#include "fault/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "fault/live_victim.h"
#include "sys/netns.h"

namespace ordeal::fault {
namespace {

// The victim's processes with all that they have started since.
std::set<pid_t> family_of(const Victim& victim, const std::vector<sys::Process>& table) {
  std::set<pid_t> family;
  for (const ProcessId& id : victim.processes) {
    bool alive = std::any_of(table.begin(), table.end(),
                             [&](const sys::Process& p) { return p.pid == id.pid && p.start_ticks == id.start_ticks; });
    if (!alive) continue;
    auto descendants = sys::with_descendants(table, id.pid);
    family.insert(descendants.begin(), descendants.end());
  }
  return family;
}

}  // namespace

Result<> owns_netns(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return {};
  if (victim.netns == 0)
    return fail(Errc::kRefused, fmt::format("the network namespace of {} is not known", victim.name));
  LiveVictim live = TRY(look_at(victim));
  const uint64_t mark = sys::netns_mark(live.processes.front().pid);
  if (mark == 0) return fail(Errc::kNotFound, fmt::format("{} is gone", victim.name));
  if (mark == sys::netns_mark(1))
    return fail(Errc::kRefused, fmt::format("{} lives in the host's own network namespace", victim.name),
                "choose the target \"host\", or give the victim a network namespace of its own");
  std::vector<sys::Process> table = TRY(sys::list_processes());
  std::set<pid_t> family = family_of(victim, table);
  std::vector<sys::Process> others;
  for (const sys::Process& process : table) {
    if (!process.alive() || process.kernel_thread()) continue;
    bool ours = family.count(process.pid) || (!victim.cgroup.empty() && sys::in_cgroup(process, victim.cgroup));
    if (!ours && sys::netns_mark(process.pid) == mark) others.push_back(process);
  }
  if (others.empty()) return {};
  return fail(Errc::kRefused,
              fmt::format("other processes share the network namespace {} of {}: {}", victim.netns, victim.name,
                          name_some(others)),
              "choose a victim with a network namespace of its own");
}

Result<Reach> netns_reach(const Victim& victim) {
  if (!sys::NetNs::all_processes_are_visible())
    return fail(Errc::kRefused,
                fmt::format("a rule would hit all of the network namespace of {}, and here it cannot be seen who joins "
                            "it: Ordeal is in a PID namespace of its own",
                            victim.name),
                "run Ordeal in the host's PID namespace (hostPID, --pid=host)");
  LiveVictim live = TRY(look_at(victim));
  Reach reach;
  reach.netns_mark = sys::netns_mark(live.processes.front().pid);
  if (reach.netns_mark == 0) return fail(Errc::kNotFound, fmt::format("{} is gone", victim.name));
  return reach;
}

}  // namespace ordeal::fault
