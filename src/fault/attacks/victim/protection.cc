#include "fault/attacks/victim/protection.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/cgroup/container.h"

namespace ordeal::fault {
namespace {

constexpr int kMostAncestors = 64;

std::vector<sys::Process> live_members(const std::string& path) {
  std::vector<sys::Process> found;
  auto tree = sys::CgroupTree::discover();
  if (!tree) return found;
  std::set<pid_t> pids;
  for (const sys::Cgroup& cgroup : tree->find_all(path))
    for (pid_t pid : cgroup.processes().value_or(std::vector<pid_t>{})) pids.insert(pid);
  for (pid_t pid : pids)
    if (auto process = sys::read_process(pid)) found.push_back(std::move(*process));
  return found;
}

std::optional<sys::Process> live_process(pid_t pid) {
  auto process = sys::read_process(pid);
  return process ? std::optional(std::move(*process)) : std::nullopt;
}

// The cgroup of the container or pod that holds the process, by the names that runtimes give them; "" for none.
std::string home_of(const sys::Process& process, VictimKind kind) {
  for (const sys::CgroupMembership& membership : process.cgroups) {
    if (kind == VictimKind::kPod)
      if (auto pod = sys::pod_of_cgroup(membership.path); pod && !pod->pod_cgroup.empty()) return pod->pod_cgroup;
    if (auto container = sys::container_of_cgroup(membership.path)) return container->cgroup;
  }
  return "";
}

Victim named_as(const InventoryEntry& entry) {
  Victim victim;
  victim.kind = entry.kind;
  victim.name = entry.name;
  victim.namespace_ = entry.namespace_;
  victim.labels = entry.labels;
  return victim;
}

// The first policy that protects what has this name.
std::optional<std::string> protecting_rule(const std::vector<Policy>& policies, const InventoryEntry& entry) {
  for (Policy protection : policies) {
    protection.blast_radius.reset();
    if (auto refusal = refusal_of(protection, named_as(entry))) return refusal->rule;
  }
  return std::nullopt;
}

}  // namespace

const Kin& Kin::live() {
  static const Kin kin{live_process, live_members};
  return kin;
}

Result<Protection> Protection::create(const std::vector<Policy>& policies,
                                      const std::vector<InventoryEntry>& inventory) {
  Protection protection;
  for (const InventoryEntry& entry : inventory) {
    auto rule = protecting_rule(policies, entry);
    if (!rule) continue;
    Shield shield{entry, std::nullopt, std::move(*rule)};
    if (!entry.match.empty()) {
      auto pattern = CommandPattern::parse(entry.match);
      if (!pattern) return wrap(pattern.error(), fmt::format("inventory: {}: match", entry.name));
      shield.pattern = std::move(*pattern);
    }
    protection.shields_.push_back(std::move(shield));
  }
  return protection;
}

// A command line of Ordeal itself often holds the words that a pattern looks for.
bool Protection::is_head(const Shield& shield, const sys::Process& process) const {
  if (shield.pattern) return !process.kernel_thread() && !own_.count(process.pid) && shield.pattern->found_in(process);
  return shield.entry.pid != 0 && process.pid == shield.entry.pid;
}

// A pod or container that is named by a process is that process with all that it has started and what shares the cgroup
// of its container or pod.
bool Protection::covers(const Shield& shield, const sys::Process& process, const Kin& kin) const {
  if (!shield.entry.cgroup.empty()) return sys::in_cgroup(process, shield.entry.cgroup);
  if (is_head(shield, process)) return true;
  if (shield.entry.kind == VictimKind::kProcess) return false;
  pid_t above = process.ppid;
  for (int i = 0; above > 1 && i < kMostAncestors; ++i) {
    auto ancestor = kin.process(above);
    if (!ancestor) break;
    if (is_head(shield, *ancestor)) return true;
    above = ancestor->ppid;
  }
  std::string home = home_of(process, shield.entry.kind);
  if (home.empty()) return false;
  std::vector<sys::Process> mates = kin.members(home);
  return std::any_of(mates.begin(), mates.end(), [&](const sys::Process& mate) { return is_head(shield, mate); });
}

std::optional<std::string> Protection::policy_refusal(const sys::Process& process, const Kin& kin) const {
  for (const Shield& shield : shields_)
    if (covers(shield, process, kin))
      return fmt::format("{} (pid {}) is {} in the inventory: {}", process.comm, process.pid, shield.entry.name,
                         shield.rule);
  return std::nullopt;
}

std::optional<std::string> Protection::refusal(const sys::Process& process, const Kin& kin) const {
  if (auto rule = sys::always_protected(process, own_)) return fmt::format("{} (pid {})", *rule, process.pid);
  return policy_refusal(process, kin);
}

Result<const Protection*> only_always_protected() {
  static const Protection protection;
  return &protection;
}

}  // namespace ordeal::fault
