#include "fault/target/cluster/pods.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/target/cluster/described.h"
#include "fault/target/cluster/units.h"
#include "fault/target/draw.h"
#include "platform/sys/nearest.h"

namespace ordeal::target {
namespace {

// A key of a host, which would narrow nothing here.
Result<> refuse_host_keys(const Target& target) {
  constexpr const char* kAdvice = "in a cluster say kubernetes, container or node";
  if (target.type == TargetType::kProcess || target.type == TargetType::kSystemd)
    return fail(Errc::kInvalidInput, "target.type: processes and systemd units are found on a host only", kAdvice);
  for (auto [field, given] : {std::pair{"pattern", !target.pattern.empty()},
                              {"user", !target.user.empty()},
                              {"cgroup", !target.cgroup.empty()}})
    if (given)
      return fail(Errc::kInvalidInput, fmt::format("target.{}: only a host has it, and this is a cluster", field),
                  "describe the pods by labels, selector or workload");
  return {};
}

Result<> refuse_everything(const Target& target) {
  bool narrowed = !target.namespace_.empty() || !target.labels.empty() || target.selector || target.workload ||
                  !target.names.empty() || !target.zones.empty() || !target.nodes.empty() || !target.containers.empty();
  if (narrowed) return {};
  return fail(Errc::kRefused, "the target selects nothing in particular, and that never means everything",
              "give it a namespace, labels, a selector, a workload or names");
}

Result<> refuse_without_policy(const ClusterRules& rules) {
  if (!rules.policies.empty()) return {};
  return fail(Errc::kRefused, "there is no policy, and in a cluster nothing is hit without one",
              "say what may be hit in the ConfigMap ordeal-config, key config.yaml: blast_radius: {namespaces: […]}");
}

std::string in_few_words(const std::vector<Refusal>& left_out) {
  constexpr size_t kShown = 5;
  std::vector<std::string> texts;
  for (const Refusal& refusal : left_out) {
    if (texts.size() == kShown) break;
    texts.push_back(fmt::format("{}: {}", refusal.victim, refusal.rule));
  }
  size_t more = left_out.size() - texts.size();
  return join(texts, "; ") + (more ? fmt::format(" and {} more", more) : "");
}

// The names of all pods of the namespace, or of all nodes.
std::vector<std::string> names_there(const Target& target, const cluster::View& view, const ClusterRules& rules) {
  std::vector<std::string> names;
  for (const cluster::Node& node : view.nodes)
    if (means_nodes(target)) names.push_back(node.name);
  for (const cluster::Pod& pod : view.pods)
    if (!means_nodes(target) && pod.namespace_ == namespace_of(target, rules.home)) names.push_back(pod.name);
  return names;
}

Unexpected nothing_matched(const Target& target, const cluster::View& view, const ClusterRules& rules) {
  size_t there = names_there(target, view, rules).size();
  return fail(Errc::kNotInjected,
              fmt::format("no {} {}; {}", means_nodes(target) ? "node" : "pod", in_words(target, rules.home),
                          means_nodes(target) ? counted(there, "node is there", "nodes are there")
                                              : counted(there, "pod is there", "pods are there")));
}

// Each of `names` must be one of what was found.
Result<> all_found(const std::vector<std::string>& names, const char* what, const std::vector<std::string>& known,
                   const std::function<bool(const std::string&)>& is_there) {
  for (const std::string& name : names) {
    if (is_there(name)) continue;
    std::string near = sys::nearest_name(name, known);
    return fail(Errc::kNotInjected, fmt::format("no {} named {} is there", what, name),
                near.empty() ? "" : fmt::format("the nearest name is {}", near));
  }
  return {};
}

Result<> all_containers_found(const Target& target, const std::vector<Unit>& units) {
  std::vector<std::string> known;
  for (const Unit& unit : units)
    if (unit.pod)
      for (const cluster::Container& one : unit.pod->containers) known.push_back(one.name);
  auto is_there = [&](const std::string& name) {
    return std::any_of(units.begin(), units.end(), [&](const Unit& unit) {
      return unit.container && (unit.container->name == name || unit.container->id.starts_with(name));
    });
  };
  TRY_VOID(all_found(target.containers, "container", known, is_there));
  if (target.type != TargetType::kContainer) return {};
  return all_found(target.names, "container", known, is_there);
}

Result<> all_places_found(const Target& target, const cluster::View& view) {
  std::vector<std::string> nodes, zones;
  for (const cluster::Node& node : view.nodes) nodes.push_back(node.name), zones.push_back(node.zone);
  auto among = [](const std::vector<std::string>& list) {
    return [&list](const std::string& name) { return std::find(list.begin(), list.end(), name) != list.end(); };
  };
  TRY_VOID(all_found(target.nodes, "node", nodes, among(nodes)));
  return all_found(target.zones, "zone", zones, among(zones));
}

Result<> all_names_found(const Target& target, const cluster::View& view, const ClusterRules& rules,
                         const std::vector<Unit>& units) {
  TRY_VOID(all_places_found(target, view));
  if (target.type != TargetType::kContainer)
    TRY_VOID(all_found(target.names, means_nodes(target) ? "node" : "pod", names_there(target, view, rules),
                       [&](const std::string& name) {
                         return std::any_of(units.begin(), units.end(),
                                            [&](const Unit& unit) { return unit.owner_name() == name; });
                       }));
  return units.empty() ? Result<>() : all_containers_found(target, units);
}

// What would be hit, were every one of them drawn, and why the others would not.
ClusterJudged judge_units(const Target& target, const cluster::View& view, const ClusterRules& rules,
                          std::vector<Unit> units) {
  std::sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) { return a.name < b.name; });
  ClusterJudged judged;
  Judge judge(target, view, rules);
  size_t not_ready = 0;
  for (const Unit& unit : units) {
    judged.candidates += unit.runs();
    if (unit.runs()) judged.uids.push_back(unit.pod ? unit.pod->uid : unit.node->uid);
    auto objection = judge.objection(unit);
    if (!objection) {
      not_ready += unit.pod && !unit.pod->ready;
      judged.allowed.push_back(judge.pick(unit));
      continue;
    }
    judged.by_safety |= objection->safety;
    judged.left_out.push_back({unit.name, objection->rule});
  }
  if (not_ready > 0)
    judged.notes.push_back(fmt::format("{} of {} that may be hit run, but are not Ready; target.ready leaves them out",
                                       not_ready, judged.allowed.size()));
  return judged;
}

std::string not_drawn(const Target& target, size_t allowed, size_t drawn) {
  return target.count ? fmt::format("not drawn: {} of {} are asked for", drawn, allowed)
                      : fmt::format("not drawn: {:g} % of {} is {}", target.percentage.value_or(100), allowed, drawn);
}

}  // namespace

std::string key_of(const ClusterPick& pick) {
  const cluster::ClusterVictim& victim = pick.victim;
  return victim.kind == "container" ? victim.uid + "/" + victim.container_id : victim.uid;
}

Result<ClusterJudged> judge_in_cluster(const Target& target, const cluster::View& view, const ClusterRules& rules) {
  TRY_VOID(refuse_host_keys(target));
  TRY_VOID(refuse_without_policy(rules));
  TRY_VOID(refuse_everything(target));
  std::vector<Unit> units = TRY(find_units(target, rules, view));
  TRY_VOID(all_names_found(target, view, rules, units));
  if (units.empty()) return nothing_matched(target, view, rules);
  return judge_units(target, view, rules, std::move(units));
}

Result<ClusterChoice> choose_in_cluster(const Target& target, const cluster::View& view, const ClusterRules& rules,
                                        uint64_t seed) {
  ClusterJudged judged = TRY(judge_in_cluster(target, view, rules));
  // A container's name is that of many; a pod's or node's is its own.
  bool by_name = !target.names.empty() && target.type != TargetType::kContainer && !judged.left_out.empty();
  if (judged.allowed.empty() || by_name)
    return fail(judged.by_safety ? Errc::kRefused : Errc::kNotInjected,
                fmt::format("{} {}", judged.by_safety ? "the rules forbid" : "nobody can be hit:",
                            in_few_words(judged.left_out)));
  int64_t number = TRY(how_many(target, static_cast<int64_t>(judged.allowed.size())));
  ClusterChoice choice;
  choice.candidates = judged.candidates;
  choice.uids = std::move(judged.uids);
  choice.left_out = std::move(judged.left_out);
  choice.notes = std::move(judged.notes);
  for (const ClusterPick& pick : judged.allowed) choice.allowed.push_back(key_of(pick));
  std::vector<size_t> drawn = draw(judged.allowed.size(), number, seed);
  std::string rule = not_drawn(target, judged.allowed.size(), drawn.size());
  for (size_t i = 0, next = 0; i < judged.allowed.size(); ++i) {
    ClusterPick& pick = judged.allowed[i];
    if (next < drawn.size() && drawn[next] == i) {
      choice.chosen.push_back(std::move(pick));
      ++next;
    } else {
      choice.left_out.push_back({pick.model_victim.name, rule});
    }
  }
  return choice;
}

}  // namespace ordeal::target
