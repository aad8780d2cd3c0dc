#include "fault/attacks/victim/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text/text.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::fault {
namespace {

constexpr size_t kNamed = 3;

std::vector<sys::Process> read_all(const std::set<pid_t>& pids) {
  std::vector<sys::Process> found;
  for (pid_t pid : pids)
    if (auto process = sys::read_process(pid)) found.push_back(std::move(*process));
  return found;
}

Result<std::vector<sys::Process>> in_cgroup(const std::string& path) {
  auto tree = TRY(sys::CgroupTree::discover());
  std::set<pid_t> pids;
  for (const sys::Cgroup& cgroup : tree.find_all(path))
    for (pid_t pid : cgroup.processes().value_or(std::vector<pid_t>{})) pids.insert(pid);
  return read_all(pids);
}

Result<std::vector<sys::Process>> in_netns(uint64_t mark) {
  std::set<pid_t> pids;
  for (pid_t pid : TRY(sys::list_pids()))
    if (sys::netns_mark(pid) == mark) pids.insert(pid);
  return read_all(pids);
}

std::vector<sys::Process> still_these(const std::vector<ProcessId>& ids) {
  std::vector<sys::Process> found;
  for (const ProcessId& id : ids)
    if (auto process = sys::read_process(id.pid); process && process->start_ticks == id.start_ticks)
      found.push_back(std::move(*process));
  return found;
}

}  // namespace

Reach whole_victim(const Victim& victim) {
  Reach reach;
  reach.host = victim.kind == VictimKind::kHost;
  reach.beside = reach.host;
  reach.cgroup = victim.cgroup;
  if (victim.cgroup.empty()) reach.processes = victim.processes;
  return reach;
}

Result<std::vector<sys::Process>> in_reach(const Reach& reach) {
  if (reach.chosen) return std::vector<sys::Process>{};
  if (reach.host) return sys::list_processes();
  if (reach.netns_mark != 0) return in_netns(reach.netns_mark);
  if (!reach.cgroup.empty()) return in_cgroup(reach.cgroup);
  return still_these(reach.processes);
}

std::optional<std::string> refusal_in(const Reach& reach, const sys::Process& process, const Protection& protection) {
  if (!process.alive()) return std::nullopt;
  return reach.beside ? protection.policy_refusal(process) : protection.refusal(process);
}

Result<> refuse_protected_in(const Reach& reach, const Protection& protection) {
  if (reach.beside && !protection.has_names()) return {};
  std::vector<std::string> rules;
  for (const sys::Process& process : TRY(in_reach(reach)))
    if (auto rule = refusal_in(reach, process, protection)) rules.push_back(std::move(*rule));
  if (rules.empty()) return {};
  size_t more = rules.size() > kNamed ? rules.size() - kNamed : 0;
  rules.resize(rules.size() - more);
  return fail(Errc::kRefused, fmt::format("it would hit protected processes: {}{}", join(rules, "; "),
                                          more ? fmt::format(" and {} more", more) : ""));
}

}  // namespace ordeal::fault
