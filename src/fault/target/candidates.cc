#include "fault/target/candidates.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "fault/target/lookup.h"
#include "platform/sys/nearest.h"

namespace ordeal::target {
namespace {

using Processes = std::vector<const sys::Process*>;

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_labels(const Labels& own, const Labels& asked) {
  return std::all_of(asked.begin(), asked.end(), [&](const auto& label) {
    auto found = own.find(label.first);
    return found != own.end() && found->second == label.second;
  });
}

bool carries(const Target& target, const std::string& space, const Labels& labels) {
  return (target.namespace_.empty() || target.namespace_ == space) && has_labels(labels, target.labels);
}

Result<std::shared_ptr<re2::RE2>> compile(const std::string& text, const std::string& where) {
  auto expression = std::make_shared<re2::RE2>(text, re2::RE2::Quiet);
  if (expression->ok()) return expression;
  return fail(Errc::kInvalidInput,
              fmt::format("{}: \"{}\" is not a regular expression: {}", where, text, expression->error()));
}

// A command line of Ordeal itself often holds the words that a pattern looks for.
bool may_match(const Snapshot& snapshot, const sys::Process& process) {
  return process.alive() && !process.kernel_thread() && !snapshot.own.count(process.pid);
}

// The victim that these processes are. Processes in different network namespaces leave `netns` unknown.
Victim victim_of(VictimKind kind, std::string name, const Processes& processes) {
  Victim victim;
  victim.kind = kind;
  victim.name = std::move(name);
  for (const sys::Process* process : processes) victim.processes.push_back({process->pid, process->start_ticks});
  if (processes.empty()) return victim;
  victim.netns = processes.front()->netns;
  for (const sys::Process* process : processes)
    if (process->netns != victim.netns) victim.netns = 0;
  return victim;
}

Processes in_cgroup(const Snapshot& snapshot, const std::string& path) {
  Processes found;
  for (const sys::Process& process : snapshot.processes)
    if (process.alive() && sys::in_cgroup(process, path)) found.push_back(&process);
  return found;
}

Processes family(const Snapshot& snapshot, const Processes& heads) {
  std::set<pid_t> pids;
  for (const sys::Process* head : heads) {
    auto all = sys::with_descendants(snapshot.processes, head->pid);
    pids.insert(all.begin(), all.end());
  }
  Processes found;
  for (const sys::Process& process : snapshot.processes)
    if (process.alive() && pids.count(process.pid)) found.push_back(&process);
  return found;
}

std::string tidy(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void place(Victim& victim, const Snapshot& snapshot, const std::string& cgroup) {
  victim.cgroup = tidy(cgroup);
  auto found = snapshot.cgroups.find_all(victim.cgroup);
  if (!found.empty()) victim.cgroup_inode = found.front().inode().value_or(0);
}

// A pod or container of the inventory is its processes with all that they have started.
Result<Processes> processes_of(const InventoryEntry& entry, const Snapshot& snapshot) {
  if (!entry.cgroup.empty()) return in_cgroup(snapshot, entry.cgroup);
  Processes heads;
  std::shared_ptr<re2::RE2> match;
  if (!entry.match.empty()) match = TRY(compile(entry.match, fmt::format("inventory: {}: match", entry.name)));
  for (const sys::Process& process : snapshot.processes) {
    bool meant = match ? may_match(snapshot, process) && re2::RE2::PartialMatch(process.command_line(), *match)
                       : process.alive() && process.pid == entry.pid;
    if (meant) heads.push_back(&process);
  }
  return entry.kind == VictimKind::kProcess ? heads : family(snapshot, heads);
}

struct Known {
  const InventoryEntry* entry;
  Victim victim;
};

Result<std::vector<Known>> resolve(const std::vector<InventoryEntry>& inventory, const Snapshot& snapshot) {
  std::vector<Known> known;
  for (const InventoryEntry& entry : inventory) {
    Victim victim = victim_of(entry.kind, entry.name, TRY(processes_of(entry, snapshot)));
    victim.namespace_ = entry.namespace_;
    victim.labels = entry.labels;
    victim.zone = entry.zone;
    if (!entry.cgroup.empty()) place(victim, snapshot, entry.cgroup);
    known.push_back({&entry, std::move(victim)});
  }
  return known;
}

bool overlap(const Victim& a, const Victim& b) {
  return std::any_of(a.processes.begin(), a.processes.end(), [&](const ProcessId& id) {
    return std::find(b.processes.begin(), b.processes.end(), id) != b.processes.end();
  });
}

// Adds a victim with what the inventory says of its processes, when that has the namespace and labels asked for. `self`
// is its own entry there.
void add(Candidates& candidates, const Target& target, const std::vector<Known>& known, Victim victim,
         const Known* self = nullptr) {
  std::vector<Victim> also;
  for (const Known& other : known)
    if (&other != self && overlap(victim, other.victim)) also.push_back(other.victim);
  bool own = carries(target, victim.namespace_, victim.labels);
  bool by_other =
      std::any_of(also.begin(), also.end(), [&](const Victim& v) { return carries(target, v.namespace_, v.labels); });
  if (!own && !by_other) return;
  if (!own || (victim.namespace_.empty() && victim.labels.empty() && !also.empty())) {
    const Victim& better =
        *std::find_if(also.begin(), also.end(), [&](auto& v) { return carries(target, v.namespace_, v.labels); });
    victim.namespace_ = better.namespace_;
    victim.labels = better.labels;
    victim.zone = better.zone;
  }
  candidates.victims.push_back(std::move(victim));
  candidates.also.push_back(std::move(also));
}

// The entries of one kind that the target describes.
void add_known(Candidates& candidates, const Target& target, const std::vector<Known>& known, VictimKind kind) {
  for (const Known& item : known) {
    bool named = target.names.empty() || lists(target.names, item.entry->name);
    bool placed = target.cgroup.empty() || tidy(target.cgroup) == item.victim.cgroup;
    if (item.entry->kind != kind || !named || !placed || !carries(target, item.entry->namespace_, item.entry->labels))
      continue;
    if (item.victim.processes.empty())
      candidates.notes.push_back(fmt::format("{} has no live process, and does not count", item.entry->name));
    else
      add(candidates, target, known, item.victim, &item);
  }
}

Result<Candidates> hosts(const Target& target, const std::vector<Known>&, const Snapshot& snapshot) {
  if (!target.names.empty() && !lists(target.names, snapshot.host))
    return fail(Errc::kNotInjected, fmt::format("this host is {}, not {}", snapshot.host, join(target.names, ", ")));
  Victim victim;
  victim.kind = VictimKind::kHost;
  victim.name = snapshot.host;
  for (const sys::Process& process : snapshot.processes)
    if (process.pid == 1) victim.netns = process.netns;
  return Candidates{{victim}, {{}}, {}};
}

Result<Candidates> processes(const Target& target, const std::vector<Known>& known, const Snapshot& snapshot) {
  std::shared_ptr<re2::RE2> pattern;
  if (!target.pattern.empty()) pattern = TRY(compile(target.pattern, "target.pattern"));
  std::optional<uid_t> user;
  if (!target.user.empty()) user = TRY(sys::find_user(target.user));
  Candidates candidates;
  for (const sys::Process& process : snapshot.processes) {
    bool chosen = may_match(snapshot, process) && (!user || process.uid == *user) &&
                  (target.names.empty() || lists(target.names, sys::program_name(process))) &&
                  (target.cgroup.empty() || sys::in_cgroup(process, target.cgroup)) &&
                  (!pattern || re2::RE2::PartialMatch(process.command_line(), *pattern));
    if (!chosen) continue;
    std::string name = fmt::format("{}:{}", sys::program_name(process), process.pid);
    add(candidates, target, known, victim_of(VictimKind::kProcess, std::move(name), {&process}));
  }
  return candidates;
}

// What lives in the cgroup, unless it is a candidate already or nobody is alive in it.
void add_cgroup(Candidates& candidates, const Target& target, const std::vector<Known>& known, const Snapshot& snapshot,
                VictimKind kind, const Found& found) {
  for (const Victim& victim : candidates.victims)
    if (victim.cgroup == found.cgroup) return;
  Victim victim = victim_of(kind, found.name, in_cgroup(snapshot, found.cgroup));
  place(victim, snapshot, found.cgroup);
  if (!victim.processes.empty()) add(candidates, target, known, std::move(victim));
}

// The cgroup that a target names; "" is none, and the root, which is the whole host, is none either.
std::string path_of(const Target& target) {
  std::string path = tidy(target.cgroup);
  return path == "/" ? "" : path;
}

std::vector<std::string> names_of_kind(const std::vector<Known>& known, VictimKind kind) {
  std::vector<std::string> names;
  for (const Known& item : known)
    if (item.entry->kind == kind) names.push_back(item.entry->name);
  return names;
}

// A name is the inventory's first, then an engine's.
Result<Candidates> containers(const Target& target, const std::vector<Known>& known, const Snapshot& snapshot) {
  Candidates candidates;
  add_known(candidates, target, known, VictimKind::kContainer);
  std::vector<std::string> listed = names_of_kind(known, VictimKind::kContainer);
  auto take = [&](const Found& found) {
    add_cgroup(candidates, target, known, snapshot, VictimKind::kContainer, found);
  };
  for (const std::string& name : target.names)
    if (!lists(listed, name)) take(TRY(find_container(name, tidy(target.cgroup), snapshot, listed)));
  std::string path = path_of(target);
  if (path.empty() || !target.names.empty()) return candidates;
  auto visible = visible_containers(snapshot);
  auto container = visible.find(path);
  take({container == visible.end() ? path : container->second.id.substr(0, kShownIdDigits), path});
  return candidates;
}

Result<Candidates> units(const Target& target, const std::vector<Known>& known, const Snapshot& snapshot) {
  Candidates candidates;
  auto take = [&](const Found& found) { add_cgroup(candidates, target, known, snapshot, VictimKind::kUnit, found); };
  for (const std::string& name : target.names) take(TRY(find_unit(name, tidy(target.cgroup), snapshot)));
  std::string path = path_of(target);
  if (path.empty() || !target.names.empty()) return candidates;
  take(TRY(unit_at(path, snapshot)));
  return candidates;
}

Result<Candidates> pods(const Target& target, const std::vector<Known>& known, const Snapshot&) {
  Candidates candidates;
  add_known(candidates, target, known, VictimKind::kPod);
  return candidates;
}

Result<Candidates> nodes(const Target&, const std::vector<Known>&, const Snapshot&) {
  return fail(Errc::kInvalidInput, "target.type: there are no nodes here, they are a cluster's",
              "on a host say {type: host}");
}

using Finder = Result<Candidates> (*)(const Target&, const std::vector<Known>&, const Snapshot&);
constexpr Finder kFinders[] = {&hosts, &processes, &containers, &pods, &units, &nodes};

}  // namespace

Result<Candidates> find_candidates(const Target& target, const Inventory& inventory, const Snapshot& snapshot) {
  bool empty = target.namespace_.empty() && target.labels.empty() && target.names.empty() && target.pattern.empty() &&
               target.user.empty() && target.cgroup.empty();
  if (empty && target.type != TargetType::kHost)
    return fail(Errc::kRefused, "the target selects nothing in particular, and that never means everything",
                "give it names, labels, a namespace, a pattern or a cgroup");
  if (target.type == TargetType::kKubernetes && !inventory)
    return fail(Errc::kNotFound, "the target kubernetes needs a cluster or an inventory, and there is neither",
                "list the processes that represent the pods here: --inventory FILE; or run it in a cluster: --cluster");
  std::vector<Known> known;
  if (inventory) known = TRY(resolve(*inventory, snapshot));
  return kFinders[static_cast<size_t>(target.type)](target, known, snapshot);
}

}  // namespace ordeal::target
