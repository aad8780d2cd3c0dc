#include "fault/target/cluster/units.h"

#include <fmt/format.h>

#include <algorithm>

#include "fault/target/cluster/described.h"
#include "fault/target/lookup.h"

namespace ordeal::target {
namespace {

using cluster::Container;
using cluster::Node;
using cluster::Pod;

bool names_containers(const Target& target) {
  return target.type == TargetType::kContainer || !target.containers.empty();
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// By its name, or an id as on a host: whole, or at least its first digits.
bool answers_to(const Container& container, const std::string& name) {
  return container.name == name || (name.size() >= kShownIdDigits && container.id.starts_with(name));
}

bool is_meant(const Target& target, const Pod& pod, const Container& container) {
  if (!names_containers(target)) return &container == pod.usual_container();
  auto named = [&](const std::string& name) { return answers_to(container, name); };
  bool by_name = target.type == TargetType::kContainer && !target.names.empty();
  if (by_name && std::none_of(target.names.begin(), target.names.end(), named)) return false;
  if (!target.containers.empty()) return std::any_of(target.containers.begin(), target.containers.end(), named);
  return by_name || !container.init;  // a sidecar is meant by its name only
}

std::vector<Unit> containers_of(const Target& target, const std::vector<const Pod*>& pods) {
  std::vector<Unit> units;
  for (const Pod* pod : pods) {
    size_t before = units.size();
    for (const Container& container : pod->containers)
      if (is_meant(target, *pod, container))
        units.push_back({pod, &container, nullptr, fmt::format("{}/{}", pod->name, container.name)});
    if (units.size() == before) units.push_back({pod, nullptr, nullptr, pod->name});
  }
  return units;
}

std::vector<Unit> nodes_of(const Target& target, const cluster::View& view) {
  std::vector<Unit> units;
  for (const Node& node : view.nodes)
    if ((target.names.empty() || among(target.names, node.name)) && carries_labels(target, node.labels))
      units.push_back({nullptr, nullptr, &node, node.name});
  return units;
}

bool is_of_control_plane(const Pod& pod) {
  auto tier = pod.labels.find("tier");
  bool labelled = tier != pod.labels.end() && tier->second == "control-plane";
  bool mirrored = pod.controller && pod.controller->kind == "Node";  // a static pod
  return pod.namespace_ == "kube-system" && (labelled || mirrored);
}

std::optional<std::string> always_protected(const Pod& pod, const ClusterRules& rules) {
  if (pod.says_it_is_ordeals()) return "always protected: a pod of Ordeal";
  if (!rules.own_namespace.empty() && pod.namespace_ == rules.own_namespace)
    return fmt::format("always protected: {} is Ordeal's own namespace", pod.namespace_);
  if (is_of_control_plane(pod)) return "always protected: a pod of the control plane";
  return std::nullopt;
}

std::optional<std::string> by_policy(const std::vector<Policy>& policies, const Victim& victim) {
  for (const Policy& policy : policies)
    if (auto refusal = refusal_of(policy, victim)) return refusal->rule;
  return std::nullopt;
}

Victim as_victim(const Pod& pod) {
  Victim victim;
  victim.kind = VictimKind::kPod;
  victim.name = pod.name;
  victim.namespace_ = pod.namespace_;
  victim.labels = pod.labels;
  return victim;
}

// Whoever runs on a node is hit with it: none of them may be protected by a policy. Ordeal's own pods, whose
// namespace every policy of the chart protects, are on every node, and the guard spares its own processes.
std::optional<std::string> protected_on(const std::vector<const Pod*>& pods, const ClusterRules& rules) {
  for (const Pod* pod : pods) {
    if (!pod->runs() || pod->is_ordeals(rules.own_namespace)) continue;
    std::optional<std::string> rule;
    if (is_of_control_plane(*pod)) rule = "always protected: a pod of the control plane";
    for (Policy policy : rules.policies) {
      policy.blast_radius.reset();
      if (auto refusal = refusal_of(policy, as_victim(*pod)); refusal && !rule) rule = refusal->rule;
    }
    if (rule) return fmt::format("{}/{} runs there: {}", pod->namespace_, pod->name, *rule);
  }
  return std::nullopt;
}

}  // namespace

bool means_nodes(const Target& target) { return target.type == TargetType::kNode || target.type == TargetType::kHost; }

bool means_containers(const Target& target, const ClusterRules& rules) {
  return names_containers(target) || (rules.of_container && !means_nodes(target));
}

Result<std::vector<Unit>> find_units(const Target& target, const ClusterRules& rules, const cluster::View& view) {
  if (means_nodes(target)) return nodes_of(target, view);
  std::vector<const Pod*> pods = TRY(described_pods(target, rules.home, view));
  if (means_containers(target, rules)) return containers_of(target, pods);
  std::vector<Unit> units;
  for (const Pod* pod : pods) units.push_back({pod, nullptr, nullptr, pod->name});
  return units;
}

std::optional<std::string> forbidden(const Pod& pod, const ClusterRules& rules) {
  if (auto rule = always_protected(pod, rules)) return rule;
  if (auto rule = by_policy(rules.policies, as_victim(pod))) return rule;
  if (rules.hits_network && pod.host_network)
    return "hostNetwork: it shares its node's network, and a network fault would hit everyone there";
  return std::nullopt;
}

Judge::Judge(const Target& target, const cluster::View& view, const ClusterRules& rules)
    : target_(target), rules_(rules) {
  for (const Node& node : view.nodes) nodes_[node.name] = &node;
  if (!means_nodes(target)) return;
  for (const Pod& pod : view.pods) pods_on_[pod.node].push_back(&pod);
}

std::string Judge::zone_of(const std::string& node) const {
  auto found = nodes_.find(node);
  return found == nodes_.end() ? "" : found->second->zone;
}

std::optional<Objection> Judge::about_place(const std::string& name, const std::string& node, const std::string& zone,
                                            const Labels& labels, const std::string& container) const {
  const Exclusion& exclude = target_.exclude;
  if (!target_.nodes.empty() && !among(target_.nodes, node))
    return Objection{fmt::format("other node: it runs on {}", node)};
  if (!target_.zones.empty() && !among(target_.zones, zone))
    return Objection{zone.empty() ? "other zone: its node has none" : "other zone: it runs in " + zone};
  if (among(exclude.names, name)) return Objection{"excluded by target.exclude.name"};
  if (!container.empty() && among(exclude.names, container))
    return Objection{"excluded by target.exclude.name: " + container};
  if (among(exclude.nodes, node)) return Objection{"excluded by target.exclude.node: " + node};
  if (!zone.empty() && among(exclude.zones, zone)) return Objection{"excluded by target.exclude.zone: " + zone};
  if (exclude.selector && exclude.selector->matches(labels))
    return Objection{"excluded by target.exclude.selector: " + exclude.selector->text()};
  return std::nullopt;
}

std::optional<Objection> Judge::about_pod(const Unit& unit) const {
  const Pod& pod = *unit.pod;
  if (pod.terminating) return Objection{"terminating"};
  if (pod.phase != "Running") return Objection{fmt::format("not running: {}", pod.phase.empty() ? "new" : pod.phase)};
  if (pod.node.empty()) return Objection{"not running: on no node yet"};
  std::string container = unit.container ? unit.container->name : "";
  if (auto why = about_place(pod.name, pod.node, zone_of(pod.node), pod.labels, container)) return why;
  if (!unit.container && means_containers(target_, rules_)) return Objection{"it has no container that is meant"};
  if (unit.container && (!unit.container->running || unit.container->id.empty()))
    return Objection{"not running: the container"};
  if (target_.ready && !pod.ready) return Objection{"not ready"};
  if (auto rule = forbidden(pod, rules_)) return Objection{*rule, true};
  return std::nullopt;
}

std::optional<Objection> Judge::about_node(const Unit& unit) const {
  const Node& node = *unit.node;
  if (auto why = about_place(node.name, node.name, node.zone, node.labels, "")) return why;
  if (!node.ready) return Objection{"not ready"};
  if (auto rule = by_policy(rules_.policies, pick(unit).model_victim)) return Objection{*rule, true};
  auto there = pods_on_.find(node.name);
  if (there == pods_on_.end()) return std::nullopt;
  if (auto rule = protected_on(there->second, rules_)) return Objection{*rule, true};
  return std::nullopt;
}

std::optional<Objection> Judge::objection(const Unit& unit) const {
  return unit.node ? about_node(unit) : about_pod(unit);
}

ClusterPick Judge::pick(const Unit& unit) const {
  ClusterPick pick;
  pick.model_victim.name = unit.name;
  if (unit.node) {
    pick.node = unit.node->name;
    pick.victim.kind = "node";
    pick.victim.uid = unit.node->uid;
    pick.model_victim.kind = VictimKind::kHost;
    pick.model_victim.labels = unit.node->labels;
    pick.model_victim.zone = unit.node->zone;
    return pick;
  }
  const Pod& pod = *unit.pod;
  pick.node = pod.node;
  pick.victim = {unit.container ? "container" : "pod", pod.namespace_, pod.name, pod.uid, "", ""};
  pick.model_victim.kind = unit.container ? VictimKind::kContainer : VictimKind::kPod;
  pick.model_victim.namespace_ = pod.namespace_;
  pick.model_victim.labels = pod.labels;
  pick.model_victim.zone = zone_of(pod.node);
  if (!unit.container) return pick;
  pick.victim.container = unit.container->name;
  pick.victim.container_id = unit.container->id;
  return pick;
}

}  // namespace ordeal::target
