#include "fault/attacks/victim/live_victim.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text/text.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

Result<std::vector<sys::Cgroup>> cgroups_of(const sys::CgroupTree& tree, const Victim& victim) {
  auto found = tree.find_all(victim.cgroup);
  if (found.empty()) return fail(Errc::kNotFound, fmt::format("the cgroup {} is gone", victim.cgroup));
  uint64_t inode = TRY(found.front().inode());
  if (victim.cgroup_inode != 0 && inode != victim.cgroup_inode)
    return fail(Errc::kNotFound, fmt::format("the cgroup {} was replaced by another of the same name", victim.cgroup));
  return found;
}

Result<std::vector<pid_t>> pids_of(const std::vector<sys::Cgroup>& cgroups) {
  std::set<pid_t> pids;
  for (const sys::Cgroup& cgroup : cgroups) {
    auto listed = cgroup.processes();
    if (listed) pids.insert(listed->begin(), listed->end());
  }
  return std::vector<pid_t>(pids.begin(), pids.end());
}

Result<std::vector<sys::Process>> processes_of(const sys::CgroupTree& tree, const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return sys::list_processes();
  std::vector<sys::Process> found;
  if (victim.cgroup.empty()) {
    for (const ProcessId& id : victim.processes) {
      auto process = sys::read_process(id.pid);
      if (process && process->start_ticks == id.start_ticks) found.push_back(std::move(*process));
    }
    return found;
  }
  auto cgroups = TRY(cgroups_of(tree, victim));
  for (pid_t pid : TRY(pids_of(cgroups)))
    if (auto process = sys::read_process(pid)) found.push_back(std::move(*process));
  return found;
}

}  // namespace

Result<LiveVictim> look_at(const Victim& victim) {
  LiveVictim live{TRY(sys::CgroupTree::discover()), {}};
  auto processes = processes_of(live.tree, victim);
  if (!processes) return wrap(std::move(processes).error(), fmt::format("{} is not there", victim.name));
  for (sys::Process& process : *processes)
    if (process.alive()) live.processes.push_back(std::move(process));
  if (live.processes.empty())
    return fail(Errc::kNotFound, fmt::format("{} is not running: it has no live process", victim.name));
  return live;
}

bool still_there(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return true;
  if (!victim.cgroup.empty()) {
    auto tree = sys::CgroupTree::discover();
    return tree && cgroups_of(*tree, victim).has_value();
  }
  return std::any_of(victim.processes.begin(), victim.processes.end(), [](const ProcessId& id) {
    auto stat = sys::read_stat(id.pid);
    return stat && stat->start_ticks == id.start_ticks && stat->alive();
  });
}

Result<> refuse_protected(const LiveVictim& live, const Protection& protection) {
  for (const sys::Process& process : live.processes)
    if (auto rule = protection.refusal(process)) return fail(Errc::kRefused, *rule);
  return {};
}

Result<> refuse_frozen(const LiveVictim& live) {
  for (const sys::Still& still : sys::standing_still(live.tree, live.processes))
    if (still.frozen)
      return fail(Errc::kRefused, still.why + ", by somebody else", "thaw it (or unpause the container) first");
  return {};
}

std::vector<std::string> claims_on(const Victim& victim, const LiveVictim& live, const std::string& field) {
  if (victim.kind == VictimKind::kHost) return {"host/" + field};
  std::vector<std::string> claims;
  if (!victim.cgroup.empty()) claims.push_back(fmt::format("cgroup:{}/{}", victim.cgroup, field));
  // In another hierarchy its processes may live elsewhere. All live in the roots.
  std::set<std::string> holders;
  for (const sys::Process& process : live.processes) {
    if (victim.cgroup.empty()) claims.push_back(fmt::format("process:{}/{}", process.pid, field));
    for (const sys::CgroupMembership& membership : process.cgroups) holders.insert(membership.path);
  }
  for (const std::string& path : holders) {
    bool of_it = path == victim.cgroup || path.starts_with(victim.cgroup + "/");
    if (path != "/" && (victim.cgroup.empty() || !of_it)) claims.push_back(fmt::format("within:{}/{}", path, field));
  }
  return claims;
}

std::string name_some(const std::vector<sys::Process>& processes) {
  constexpr size_t kShown = 5;
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(kShown, processes.size()); ++i)
    names.push_back(fmt::format("{} (pid {})", processes[i].comm, processes[i].pid));
  std::string text = join(names, ", ");
  if (processes.size() > kShown) text += fmt::format(" and {} more", processes.size() - kShown);
  return text;
}

}  // namespace ordeal::fault
