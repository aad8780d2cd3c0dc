#include "fault/guard/victim_watch.h"

#include <algorithm>

#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::guard {
namespace {

bool is_container(const Victim& victim) {
  return victim.kind == VictimKind::kContainer || victim.kind == VictimKind::kPod;
}

bool same_cgroup(const Victim& victim) {
  if (victim.cgroup.empty() || victim.cgroup_inode == 0) return true;
  auto tree = sys::CgroupTree::discover();
  if (!tree) return false;
  for (const sys::Cgroup& cgroup : tree->find_all(victim.cgroup))
    if (auto inode = cgroup.inode(); inode && *inode == victim.cgroup_inode) return true;
  return false;
}

// The oldest first: a container's first process is its life.
std::vector<ProcessId> by_age(std::vector<ProcessId> processes) {
  std::sort(processes.begin(), processes.end(), [](const ProcessId& a, const ProcessId& b) {
    return std::tie(a.start_ticks, a.pid) < std::tie(b.start_ticks, b.pid);
  });
  return processes;
}

}  // namespace

Result<> VictimWatch::add(int impact, const Victim& victim) {
  Watched watched{victim, {}};
  for (const ProcessId& id : by_age(victim.processes)) {
    auto handle = sys::PidFd::open(id.pid, id.start_ticks);
    if (handle) watched.processes.push_back(std::move(*handle));
    if (is_container(victim) && watched.processes.empty()) break;  // its first process is gone
  }
  if (victim.kind != VictimKind::kHost && watched.processes.empty())
    return fail(Errc::kNotFound, victim.name + " is gone since it was chosen");
  if (!same_cgroup(victim)) return fail(Errc::kNotFound, "the cgroup of " + victim.name + " has been replaced");
  if (is_container(victim)) watched.processes.erase(watched.processes.begin() + 1, watched.processes.end());
  watched_.insert_or_assign(impact, std::move(watched));
  return {};
}

std::vector<std::pair<int, std::string>> VictimWatch::gone() const {
  std::vector<std::pair<int, std::string>> all;
  for (const auto& [impact, watched] : watched_) {
    if (watched.victim.kind == VictimKind::kHost) continue;
    auto& processes = watched.processes;
    if (std::all_of(processes.begin(), processes.end(), [](const sys::PidFd& p) { return p.dead(); })) {
      all.emplace_back(impact,
                       is_container(watched.victim) ? "its first process has exited" : "its processes have exited");
    } else if (!same_cgroup(watched.victim)) {
      all.emplace_back(impact, "its cgroup has been replaced");
    }
  }
  return all;
}

}  // namespace ordeal::guard
