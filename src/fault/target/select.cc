#include "fault/target/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/target/candidates.h"
#include "fault/target/draw.h"
#include "fault/target/lookup.h"
#include "platform/sys/cgroup/unit.h"
#include "platform/sys/nearest.h"
#include "platform/sys/process/protected.h"

namespace ordeal::target {
namespace {

// The first rule that forbids the victim: a policy's, or that a process of it is always protected.
std::optional<Refusal> refusal_of(const Victim& victim, const std::vector<Victim>& also,
                                  const std::vector<Policy>& policies, const Snapshot& snapshot) {
  for (const Policy& policy : policies) {
    if (auto refusal = refusal_of(policy, victim)) return refusal;
    // What the same processes are called elsewhere in the inventory protects them as well.
    Policy protection = policy;
    protection.blast_radius.reset();
    for (const Victim& other : also)
      if (auto refusal = refusal_of(protection, other))
        return Refusal{victim.name, fmt::format("{} (it is {} in the inventory)", refusal->rule, other.name)};
  }
  if (victim.kind == VictimKind::kHost) return std::nullopt;
  for (const sys::Process& process : snapshot.processes) {
    bool inside = std::any_of(victim.processes.begin(), victim.processes.end(), [&](const ProcessId& id) {
      return id.pid == process.pid && id.start_ticks == process.start_ticks;
    });
    if (!inside) continue;
    if (auto rule = sys::always_protected(process, snapshot.own))
      return Refusal{victim.name, fmt::format("{} (pid {})", *rule, process.pid)};
  }
  return std::nullopt;
}

constexpr std::array kThings{"host", "process", "container", "pod", "systemd unit", "node"};

std::string described(const Target& target) {
  std::vector<std::string> parts;
  if (!target.names.empty()) parts.push_back("named " + join(target.names, ", "));
  if (!target.namespace_.empty()) parts.push_back("in the namespace " + target.namespace_);
  for (const auto& [key, value] : target.labels) parts.push_back(fmt::format("with {}={}", key, value));
  if (!target.pattern.empty()) parts.push_back(fmt::format("with a command line like /{}/", target.pattern));
  if (!target.user.empty()) parts.push_back("of the user " + target.user);
  if (!target.cgroup.empty()) parts.push_back("in the cgroup " + target.cgroup);
  return fmt::format("{} {}", kThings[static_cast<size_t>(target.type)], join(parts, ", "));
}

std::string processes_are(const Snapshot& snapshot) {
  return counted(snapshot.processes.size(), "process is", "processes are");
}

std::string nearest_to(const std::string& name, const Target& target, const Inventory& inventory,
                       const Snapshot& snapshot) {
  std::vector<std::string> names;
  if (target.type == TargetType::kProcess)
    for (const sys::Process& process : snapshot.processes) names.push_back(sys::program_name(process));
  else
    for (const InventoryEntry& entry : inventory.value_or(std::vector<InventoryEntry>{})) names.push_back(entry.name);
  return sys::nearest_name(name, names);
}

Unexpected nothing_matched(const Target& target, const Inventory& inventory, const Snapshot& snapshot,
                           const std::vector<std::string>& notes) {
  bool from_inventory = target.type == TargetType::kKubernetes || target.type == TargetType::kContainer ||
                        target.type == TargetType::kSystemd;
  std::string text = fmt::format("no {}; {} visible", described(target), processes_are(snapshot));
  if (from_inventory)
    text +=
        inventory ? " and the inventory lists " + counted(inventory->size(), "entry", "entries") : ", and no inventory";
  if (!notes.empty()) text += "; " + join(notes, "; ");
  std::string near = target.names.empty() ? "" : nearest_to(target.names.front(), target, inventory, snapshot);
  return fail(Errc::kNotInjected, text, near.empty() ? "" : fmt::format("the nearest name is {}", near));
}

// What a victim may be called in `target.names`: its own name, a process's name before ":", an id that it begins with,
// a unit's name without ".service".
bool answers_to(const Victim& victim, const std::string& name) {
  if (victim.kind == VictimKind::kUnit) return victim.name == sys::unit_name(name);
  if (victim.name == name || victim.name.starts_with(name + ":")) return true;
  return victim.name.size() == kShownIdDigits && name.size() > victim.name.size() && name.starts_with(victim.name);
}

Result<> all_names_found(const Target& target, const std::vector<Victim>& victims, const Inventory& inventory,
                         const Snapshot& snapshot) {
  for (const std::string& name : target.names) {
    bool found = std::any_of(victims.begin(), victims.end(), [&](auto& victim) { return answers_to(victim, name); });
    if (found) continue;
    std::string near = nearest_to(name, target, inventory, snapshot);
    return fail(Errc::kNotInjected,
                fmt::format("no {} named {}; {} visible", kThings[static_cast<size_t>(target.type)], name,
                            processes_are(snapshot)),
                near.empty() ? "" : fmt::format("the nearest name is {}", near));
  }
  return {};
}

Unexpected refused_by(const std::vector<Refusal>& refused) {
  std::vector<std::string> texts;
  for (const Refusal& refusal : refused) texts.push_back(fmt::format("{}: {}", refusal.victim, refusal.rule));
  constexpr size_t kShown = 5;
  size_t left = texts.size() > kShown ? texts.size() - kShown : 0;
  texts.resize(texts.size() - left);
  return fail(Errc::kRefused,
              fmt::format("the rules forbid {}{}", join(texts, "; "), left ? fmt::format(" and {} more", left) : ""));
}

// By name, so that the order in which the kernel lists them does not matter.
std::vector<Victim> choose(std::vector<Victim> allowed, int64_t number, uint64_t seed) {
  auto by_name = [](const Victim& a, const Victim& b) { return a.name < b.name; };
  std::sort(allowed.begin(), allowed.end(), by_name);
  std::vector<Victim> chosen;
  for (size_t at : draw(allowed.size(), number, seed)) chosen.push_back(std::move(allowed[at]));
  return chosen;
}

}  // namespace

Result<Judged> judge_candidates(const Target& target, const Inventory& inventory, const Snapshot& snapshot,
                                const std::vector<Policy>& policies) {
  Candidates candidates = TRY(find_candidates(target, inventory, snapshot));
  if (candidates.victims.empty()) return nothing_matched(target, inventory, snapshot, candidates.notes);
  if (target.type != TargetType::kHost) TRY_VOID(all_names_found(target, candidates.victims, inventory, snapshot));
  Judged judged;
  judged.notes = std::move(candidates.notes);
  for (size_t i = 0; i < candidates.victims.size(); ++i) {
    Victim& victim = candidates.victims[i];
    if (auto refusal = refusal_of(victim, candidates.also[i], policies, snapshot))
      judged.refused.push_back(std::move(*refusal));
    else
      judged.allowed.push_back(std::move(victim));
  }
  return judged;
}

Result<Selection> select(const Target& target, const Inventory& inventory, const Snapshot& snapshot,
                         const std::vector<Policy>& policies, uint64_t seed) {
  Judged judged = TRY(judge_candidates(target, inventory, snapshot, policies));
  Selection selection;
  selection.candidates = static_cast<int64_t>(judged.allowed.size() + judged.refused.size());
  selection.notes = std::move(judged.notes);
  selection.refused = std::move(judged.refused);
  const char* kind = kThings[static_cast<size_t>(target.type)];
  for (const Victim& victim : judged.allowed) selection.names.push_back(fmt::format("{} {}", kind, victim.name));
  for (const Refusal& refusal : selection.refused)
    selection.names.push_back(fmt::format("{} {}", kind, refusal.victim));
  bool by_name = !target.names.empty();
  if (judged.allowed.empty() || (by_name && !selection.refused.empty())) return refused_by(selection.refused);
  int64_t number = TRY(how_many(target, static_cast<int64_t>(judged.allowed.size())));
  selection.chosen = choose(std::move(judged.allowed), number, seed);
  return selection;
}

Result<Selection> select(const Target& target, const Inventory& inventory, const std::vector<Policy>& policies,
                         uint64_t seed) {
  Snapshot snapshot = TRY(Snapshot::look());
  return select(target, inventory, snapshot, policies, seed);
}

}  // namespace ordeal::target
