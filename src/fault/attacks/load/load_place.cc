#include "fault/attacks/load/load_place.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace ordeal::fault {

const sys::Process& process_at_work(const Victim& victim, const LiveVictim& live) {
  auto works = [&](const sys::Process& process) { return victim.kind != VictimKind::kPod || process.comm != "pause"; };
  auto found = std::find_if(live.processes.begin(), live.processes.end(), works);
  return found == live.processes.end() ? live.processes.front() : *found;
}

Result<sys::Process> process_that_sees(const Victim& victim, const LiveVictim& live) {
  return victim.kind == VictimKind::kHost ? sys::read_process(1) : process_at_work(victim, live);
}

std::string loaded_cgroup(const Victim& victim, const LiveVictim& live, const std::string& controller) {
  if (victim.kind == VictimKind::kHost) return "/";
  const sys::Process& first = process_at_work(victim, live);
  if (victim.cgroup.empty()) return live.tree.path_of(first, controller);
  auto found = live.tree.find(controller, victim.cgroup);
  if (!found) return live.tree.path_of(first, controller);
  if (found->version() == 1 || found->read("cgroup.subtree_control").value_or("").empty()) return victim.cgroup;
  return live.tree.path_of(first, controller);
}

std::vector<sys::Cgroup> cgroups_to_join(const LiveVictim& live, const std::string& path,
                                         const std::vector<std::string>& controllers) {
  std::vector<sys::Cgroup> found;
  auto own = sys::read_process(::getpid());
  for (const std::string& controller : controllers) {
    auto cgroup = live.tree.find(controller, path);
    if (!cgroup || (own && live.tree.path_of(*own, controller) == path)) continue;
    bool again = std::any_of(found.begin(), found.end(), [&](auto& c) { return c.folder() == cgroup->folder(); });
    if (!again) found.push_back(std::move(*cgroup));
  }
  return found;
}

std::string higher(std::string a, std::string b) {
  return b.empty() || (!a.empty() && a.size() <= b.size()) ? std::move(a) : std::move(b);
}

Reach reach_of_load(const Victim& victim, const std::string& top) {
  if (victim.kind == VictimKind::kHost) return whole_victim(victim);
  Reach reach;
  reach.cgroup = top;
  reach.host = reach.beside = top == "/";
  return reach;
}

std::vector<std::string> claims_of_load(const std::string& top, const std::string& cgroup, const std::string& field) {
  std::vector<std::string> claims{top == "/" ? "host/" + field : fmt::format("cgroup:{}/{}", top, field)};
  if (cgroup != "/") claims.push_back(fmt::format("within:{}/guest", cgroup));
  return claims;
}

void note_top(const std::string& top, const std::string& cgroup, std::vector<std::string>& notes) {
  if (top == cgroup) return;
  notes.push_back(top == "/" ? std::string("it leaves little to the whole host, which is judged and claimed")
                             : fmt::format("it leaves little to all in {}, which is judged and claimed", top));
}

}  // namespace ordeal::fault
