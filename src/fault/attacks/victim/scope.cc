#include "fault/attacks/victim/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/cgroup/socket_cgroups.h"
#include "platform/sys/network/address_translation.h"
#include "platform/sys/network/netns.h"
#include "platform/sys/sockets/listeners.h"

namespace ordeal::fault {
namespace {

// Whether it is one of the victim's processes, or was started by one of them since.
bool descends_from(const Victim& victim, pid_t pid) {
  for (auto stat = sys::read_stat(pid); stat && stat->pid > 1; stat = sys::read_stat(stat->ppid)) {
    ProcessId id{stat->pid, stat->start_ticks};
    if (std::find(victim.processes.begin(), victim.processes.end(), id) != victim.processes.end()) return true;
  }
  return false;
}

// Asked last of all, so that what a victim started and is over meanwhile is no stranger.
bool is_stranger(const Victim& victim, const sys::Process& process) {
  if (!process.alive() || process.kernel_thread() || descends_from(victim, process.pid)) return false;
  auto stat = sys::read_stat(process.pid);
  return stat && stat->start_ticks == process.start_ticks && stat->alive();
}

// Only of those inside more is read than their mark: a host may have thousands of processes.
Result<std::vector<sys::Process>> others_in_netns(const Victim& victim, uint64_t mark) {
  std::vector<sys::Process> others;
  for (pid_t pid : TRY(sys::list_pids())) {
    if (sys::netns_mark(pid) != mark) continue;
    auto process = sys::read_process(pid);
    if (!process || (!victim.cgroup.empty() && sys::in_cgroup(*process, victim.cgroup))) continue;
    if (is_stranger(victim, *process)) others.push_back(std::move(*process));
  }
  return others;
}

std::optional<sys::Cgroup> unified_cgroup(const LiveVictim& live, const Victim& victim) {
  const sys::Hierarchy* unified = live.tree.unified();
  return unified && !victim.cgroup.empty() ? live.tree.find(*unified, victim.cgroup) : std::nullopt;
}

Result<packets::SocketScope> scope_of(const sys::Cgroup& cgroup) {
  uint32_t level = 0;
  for (auto up = cgroup.parent(); up; up = up->parent()) ++level;
  auto inode = TRY(cgroup.inode());
  return packets::SocketScope{level, inode};
}

// The ids of the cgroup and of those below it.
std::set<uint64_t> ids_of(const sys::Cgroup& cgroup) {
  std::set<uint64_t> ids;
  auto add = [&](const sys::Cgroup& one) {
    if (auto id = one.inode()) ids.insert(*id);
  };
  add(cgroup);
  std::error_code error;  // of a cgroup that goes meanwhile
  using Folders = std::filesystem::recursive_directory_iterator;
  for (Folders entry(cgroup.folder(), error), end; entry != end && !error; entry.increment(error))
    if (std::error_code gone; entry->is_directory(gone)) add(sys::Cgroup(2, "", entry->path()));
  return ids;
}

// Whether rules by the cgroup would see the victim's packets.
bool holds_its_sockets(const sys::Cgroup& cgroup, const LiveVictim& live, const sys::NetNs& netns) {
  auto inside = cgroup.processes();
  if (!inside) return false;
  for (const sys::Process& process : live.processes)
    if (!std::binary_search(inside->begin(), inside->end(), process.pid)) return false;
  auto found = sys::socket_cgroups(netns);
  if (!found || sys::translates_addresses(netns).value_or(true)) return false;
  std::set<uint64_t> own = ids_of(cgroup);
  auto is_own = [&](uint64_t id) { return own.count(id) != 0; };
  return found->empty() || std::any_of(found->begin(), found->end(), is_own);
}

std::string unified_path(const sys::Process& process) {
  for (const sys::CgroupMembership& membership : process.cgroups)
    if (membership.controllers.empty()) return membership.path;
  return "";
}

Result<> all_are_visible(const Victim& victim, const char* what) {
  if (sys::NetNs::all_processes_are_visible()) return {};
  return fail(Errc::kRefused,
              fmt::format("a rule would hit all of the {} of {}, and here it cannot be seen who joins it: Ordeal is in "
                          "a PID namespace of its own",
                          what, victim.name),
              "run Ordeal in the host's PID namespace (hostPID, --pid=host)");
}

// In a cgroup of this path, in whatever hierarchy.
Result<std::vector<sys::Process>> others_in(const std::string& path, const Victim& victim) {
  std::vector<sys::Process> others;
  Reach reach;
  reach.cgroup = path;
  for (sys::Process& process : TRY(in_reach(reach)))
    if (is_stranger(victim, process)) others.push_back(std::move(process));
  return others;
}

// A socket stays of the cgroup in which it was made, whoever holds it: those outside who hold one, what the victim has
// started included, since nobody judges there who is protected.
Result<std::vector<sys::Process>> holders_outside(const sys::Cgroup& cgroup, const sys::NetNs& netns) {
  std::set<uint64_t> ids = ids_of(cgroup), inodes;
  for (const sys::MadeSocket& made : TRY(sys::made_sockets(netns)))
    if (made.inode != 0 && ids.count(made.cgroup)) inodes.insert(made.inode);
  std::vector<sys::Process> holders;
  if (inodes.empty()) return holders;
  for (const sys::Process& process : TRY(sys::list_processes())) {
    std::string path = unified_path(process);
    bool inside = path == cgroup.path() || path.starts_with(cgroup.path() + "/");
    if (inside || !process.alive() || process.kernel_thread()) continue;
    auto held = sys::sockets_of(process.pid);
    bool any = std::any_of(held.begin(), held.end(), [&](uint64_t inode) { return inodes.count(inode) != 0; });
    if (any) holders.push_back(process);
  }
  return holders;
}

Unexpected not_told_apart(const Error& shared, const std::string& why) {
  return fail(Errc::kRefused, shared.what + ", and " + why,
              "give the victim its own network namespace or its own cgroup v2");
}

// The cgroup in which a lone process stands alone. `shared` says who else lives in its network namespace.
Result<sys::Cgroup> lone_cgroup(const Victim& victim, const LiveVictim& live, const sys::NetNs& netns,
                                const Error& shared) {
  std::string path = unified_path(live.processes.front());
  const sys::Hierarchy* unified = live.tree.unified();
  auto cgroup = unified && !path.empty() && path != "/" ? live.tree.find(*unified, path) : std::nullopt;
  if (!cgroup) return not_told_apart(shared, "it has no cgroup of version 2 to tell its packets apart");
  TRY_VOID(all_are_visible(victim, "cgroup"));
  std::vector<sys::Process> others = TRY(others_in(path, victim));
  if (!others.empty())
    return not_told_apart(shared, fmt::format("others are in its cgroup {}, too: {}", path, name_some(others)));
  for (const sys::Process& process : live.processes)
    if (unified_path(process) != path)
      return not_told_apart(shared, fmt::format("its processes are in several cgroups, {} among them", path));
  auto holders = TRY(holders_outside(*cgroup, netns));
  if (holders.empty()) return std::move(*cgroup);
  return not_told_apart(
      shared, fmt::format("sockets that were made in its cgroup {} are held by others: {}", path, name_some(holders)));
}

}  // namespace

Result<NetScope> net_scope(const Victim& victim, const sys::NetNs& netns) {
  NetScope scope;
  scope.alone = victim.kind == VictimKind::kHost;
  if (scope.alone) return scope;
  LiveVictim live = TRY(look_at(victim));
  auto alone = owns_netns(victim);
  scope.alone = alone.has_value();
  auto cgroup = unified_cgroup(live, victim);
  if (!alone && victim.cgroup.empty()) cgroup = TRY(lone_cgroup(victim, live, netns, alone.error()));
  if (!alone && !cgroup)
    return not_told_apart(alone.error(), "it has no cgroup of version 2 to tell its packets apart");
  if (!cgroup || (alone && !holds_its_sockets(*cgroup, live, netns))) return scope;
  scope.sockets = TRY(scope_of(*cgroup));
  scope.cgroup = cgroup->path();
  return scope;
}

Result<> owns_netns(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return {};
  if (victim.netns == 0)
    return fail(Errc::kRefused, fmt::format("the network namespace of {} is not known", victim.name));
  LiveVictim live = TRY(look_at(victim));
  const uint64_t mark = sys::netns_mark(live.processes.front().pid);
  if (mark == 0) return fail(Errc::kNotFound, fmt::format("{} is gone", victim.name));
  if (mark == sys::netns_mark(1))
    return fail(Errc::kRefused, fmt::format("{} is in the host's own network namespace", victim.name),
                "use the target \"host\", or give the victim its own network namespace");
  std::vector<sys::Process> others = TRY(others_in_netns(victim, mark));
  if (others.empty()) return {};
  return fail(Errc::kRefused,
              fmt::format("other processes share the network namespace {} of {}: {}", victim.netns, victim.name,
                          name_some(others)),
              "choose a victim with its own network namespace");
}

Result<std::set<uint64_t>> socket_cgroup_ids(const std::string& cgroup) {
  auto tree = TRY(sys::CgroupTree::discover());
  const sys::Hierarchy* unified = tree.unified();
  auto found = unified ? tree.find(*unified, cgroup) : std::nullopt;
  if (!found) return fail(Errc::kNotFound, "there is no cgroup of version 2 " + cgroup);
  return ids_of(*found);
}

Reach cgroup_reach(const Victim& victim, const std::string& cgroup) {
  Reach reach = whole_victim(victim);
  if (!victim.cgroup.empty()) return reach;
  reach.processes.clear();
  reach.cgroup = cgroup;
  reach.of_victim_only = true;
  return reach;
}

Result<Reach> netns_reach(const Victim& victim) {
  TRY_VOID(all_are_visible(victim, "network namespace"));
  LiveVictim live = TRY(look_at(victim));
  Reach reach;
  reach.netns_mark = sys::netns_mark(live.processes.front().pid);
  if (reach.netns_mark == 0) return fail(Errc::kNotFound, fmt::format("{} is gone", victim.name));
  return reach;
}

}  // namespace ordeal::fault
