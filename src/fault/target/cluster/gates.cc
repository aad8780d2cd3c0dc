#include "fault/target/cluster/gates.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/target/cluster/described.h"
#include "platform/sys/network/packet.h"

namespace ordeal::target {
namespace {

using Counts = std::map<std::string, int64_t>;

int64_t in_all(const Counts& counts) {
  int64_t sum = 0;
  for (const auto& [space, count] : counts) sum += count;
  return sum;
}

Counts running_pods(const cluster::View& view) {
  Counts counts;
  for (const cluster::Pod& pod : view.pods) counts[pod.namespace_] += pod.runs();
  return counts;
}

// Each pod once, however many of its containers are hit; with a node all that run on it.
Counts hit_pods(const ClusterChoice& choice, const cluster::View& view) {
  std::set<std::string> uids, nodes;
  for (const ClusterPick& pick : choice.chosen) {
    if (pick.victim.kind == "node")
      nodes.insert(pick.node);
    else
      uids.insert(pick.victim.uid);
  }
  Counts counts;
  for (const cluster::Pod& pod : view.pods)
    if (pod.runs() && (uids.count(pod.uid) || nodes.count(pod.node))) ++counts[pod.namespace_];
  return counts;
}

std::string pods_of(int64_t number) {
  return number == 1 ? "the one running pod" : fmt::format("the {} running pods", number);
}

// Of `running` pods `active` are hit already and `more` are asked for.
std::optional<GateRefusal> share_broken(const std::string& rule, std::optional<double> percent, const std::string& of,
                                        int64_t running, int64_t active, int64_t more) {
  if (!percent || more == 0) return std::nullopt;
  int64_t most = take_percent(running, *percent);
  if (active + more <= most) return std::nullopt;
  return GateRefusal{
      rule, fmt::format("{} is {:g}, so {} of {} of {} may be hit; {} are hit already and {} more are asked for", rule,
                        *percent, most, pods_of(running), of, active, more)};
}

void add(std::vector<GateRefusal>& refusals, std::optional<GateRefusal> refusal) {
  if (refusal) refusals.push_back(std::move(*refusal));
}

void judge_shares(const std::vector<Policy>& policies, const cluster::View& view, const ClusterChoice& choice,
                  const ClusterLoad& others, std::vector<GateRefusal>& refusals) {
  Counts running = running_pods(view), hit = hit_pods(choice, view);
  for (const Policy& policy : policies) {
    for (const auto& [space, more] : hit) {
      auto active = others.pods.find(space);
      add(refusals, share_broken(policy.origin + ": caps.max_namespace_percent", policy.max_namespace_percent, space,
                                 running[space], active == others.pods.end() ? 0 : active->second, more));
    }
    add(refusals, share_broken(policy.origin + ": caps.max_cluster_percent", policy.max_cluster_percent, "the cluster",
                               in_all(running), in_all(others.pods), in_all(hit)));
  }
}

// Of the candidates those that other runs hit.
int64_t hit_by_others(const ClusterChoice& choice, const ClusterLoad& others) {
  std::set<std::string> chosen;
  for (const ClusterPick& pick : choice.chosen) chosen.insert(pick.victim.uid);
  return std::count_if(choice.uids.begin(), choice.uids.end(),
                       [&](const std::string& uid) { return others.uids.count(uid) > 0 && chosen.count(uid) == 0; });
}

void judge_caps(const std::vector<Policy>& policies, const ClusterChoice& choice, const ClusterLoad& others,
                std::vector<GateRefusal>& refusals) {
  ActiveLoad active{others.runs, others.targets, hit_by_others(choice, others)};
  for (const Policy& policy : policies) {
    auto rule = cap_broken(policy, active, static_cast<int64_t>(choice.chosen.size()), choice.candidates);
    if (rule) refusals.push_back({rule->substr(0, rule->find(" is ")), *rule});
  }
}

std::optional<GateRefusal> wrong_environment(const Policy& policy, const std::string& said) {
  std::string rule = policy.origin + (policy.require_environment ? ": require_environment" : ": environment");
  if (said.empty() && policy.require_environment)
    return GateRefusal{rule, fmt::format("{}: the experiment does not say its environment; this cluster is {}", rule,
                                         policy.environment)};
  if (said.empty() || policy.environment.empty() || said == policy.environment) return std::nullopt;
  return GateRefusal{
      rule, fmt::format("{}: the experiment is for {}, and this cluster is {}", rule, said, policy.environment)};
}

std::optional<GateRefusal> hits_all_traffic(const Policy& policy, const Experiment& experiment,
                                            const AttackFacts& facts) {
  bool all = facts.hits_network && !facts.narrowed;
  if (!all || experiment.all_traffic || !policy.require_all_traffic) return std::nullopt;
  std::string rule = policy.origin + ": require_all_traffic";
  return GateRefusal{
      rule, rule +
                ": the attack has no peer and no port that narrows it, so it would hit all traffic; give it one "
                "(port, ports, source_ports, hosts, ips), or say all_traffic: true"};
}

std::optional<GateRefusal> outside(const Policy& policy, const Target& target, const std::string& home) {
  if (policy.cross_namespace) return std::nullopt;
  std::string rule = policy.origin + ": cross_namespace";
  if (target.type == TargetType::kNode || target.type == TargetType::kHost)
    return GateRefusal{
        rule, fmt::format("{} is not allowed: nodes are in no namespace, and the experiment is in {}", rule, home)};
  const std::string& space = namespace_of(target, home);
  if (space == home) return std::nullopt;
  return GateRefusal{
      rule, fmt::format("{} is not allowed: the target is in {}, and the experiment in {}", rule, space, home)};
}

struct Floor {
  int64_t pods = 0;
  std::string rule, as_said;
};

// Of `matched` pods so many must go on running.
std::optional<Floor> floor_of(const Policy& policy, int64_t matched) {
  std::string rule = policy.origin + ": caps.min_running";
  if (policy.min_running) return Floor{*policy.min_running, rule, std::to_string(*policy.min_running)};
  if (!policy.min_running_percent) return std::nullopt;
  double share = static_cast<double>(matched) * *policy.min_running_percent / 100;
  return Floor{static_cast<int64_t>(std::ceil(share - 1e-9)), rule,
               fmt::format("{:g}% of {}", *policy.min_running_percent, matched)};
}

// Of those that run.
int64_t hit_for_good(const ClusterChoice& choice, const AttackFacts& facts, const cluster::View& view) {
  if (!facts.one_way) return 0;
  std::set<std::string> uids;
  for (const ClusterPick& pick : choice.chosen) uids.insert(pick.victim.uid);
  return std::count_if(view.pods.begin(), view.pods.end(),
                       [&](const cluster::Pod& pod) { return pod.runs() && uids.count(pod.uid) > 0; });
}

std::optional<GateRefusal> floor_reached(const Policy& policy, int64_t matched, int64_t gone) {
  auto floor = floor_of(policy, matched);
  if (!floor || matched - gone >= floor->pods) return std::nullopt;
  return GateRefusal{floor->rule,
                     fmt::format("{} is {}; {} that match the target run, and the attack leaves {}", floor->rule,
                                 floor->as_said, counted(static_cast<size_t>(matched), "pod", "pods"), matched - gone)};
}

bool guards(const cluster::DisruptionBudget& budget, const cluster::Pod& pod) {
  if (budget.namespace_ != pod.namespace_ || !budget.selector.is_object()) return false;
  json::Document document{budget.selector, {}};
  auto selector = decode_label_selector(json::Reader(document));
  return !selector || selector->matches(pod.labels);  // one that cannot be read may well mean it
}

// A kill asks no budget: what it would have said is said.
std::vector<std::string> budget_warnings(const cluster::View& view, const ClusterChoice& choice) {
  std::set<std::string> chosen, nodes;
  for (const ClusterPick& pick : choice.chosen)
    pick.victim.kind == "node" ? nodes.insert(pick.node) : chosen.insert(pick.victim.uid);
  auto taken = [&](const cluster::Pod& pod) {
    return chosen.count(pod.uid) > 0 || (pod.runs() && nodes.count(pod.node) > 0);
  };
  std::vector<std::string> warnings;
  for (const cluster::DisruptionBudget& budget : view.budgets) {
    int64_t hit = std::count_if(view.pods.begin(), view.pods.end(),
                                [&](const cluster::Pod& pod) { return taken(pod) && guards(budget, pod); });
    if (hit > budget.allowed)
      warnings.push_back(fmt::format(
          "the PodDisruptionBudget {}/{} allows {} now, and the attack takes {} of its pods: "
          "a kill does not ask it",
          budget.namespace_, budget.name,
          counted(static_cast<size_t>(std::max<int64_t>(budget.allowed, 0)), "disruption", "disruptions"), hit));
  }
  return warnings;
}

// Of those that are meant; what only leaves some out ("^53") means all others.
std::vector<std::string> meant_by(const Attack& attack, const char* argument) {
  std::vector<std::string> items = list_argument(attack, argument);
  std::erase_if(items, [](const std::string& item) { return item.starts_with('^'); });
  return items;
}

// Several ranges that follow one another are one.
bool narrowed_by_ports(const std::vector<std::string>& items) {
  std::vector<std::pair<uint16_t, uint16_t>> ranges;
  for (const std::string& item : items) {
    auto ends = split_words(item, "-");
    auto first = ends.empty() ? std::nullopt : parse_number<uint16_t>(ends.front());
    auto last = ends.empty() ? std::nullopt : parse_number<uint16_t>(ends.back());
    if (first && last) ranges.emplace_back(*first, *last);
  }
  std::sort(ranges.begin(), ranges.end());
  int covered = 0;  // all ports up to it
  for (const auto& [first, last] : ranges)
    if (first <= covered + 1) covered = std::max<int>(covered, last);
  return !ranges.empty() && covered < std::numeric_limits<uint16_t>::max();
}

// Networks so wide that two or a few of them are everybody count as everybody.
bool narrowed_by_remotes(const std::vector<std::string>& items) {
  constexpr int kWidestFour = 8, kWidestSix = 7;  // 10.0.0.0/8, fc00::/7
  for (const std::string& item : items) {
    auto prefix = sys::Prefix::parse(item);
    if (prefix && prefix->length < (prefix->family == AF_INET ? kWidestFour : kWidestSix)) return false;
  }
  return !items.empty();
}

}  // namespace

AttackFacts facts_of(const AttackInfo& info, StepKind kind, const Attack& resolved) {
  AttackFacts facts{info.hits_network, kind == StepKind::kOneWay, false};
  for (const char* name : {"port", "ports", "source_ports"})
    facts.narrowed |= narrowed_by_ports(meant_by(resolved, name));
  std::vector<std::string> remotes = meant_by(resolved, "hosts");
  for (std::string& item : meant_by(resolved, "ips")) remotes.push_back(std::move(item));
  facts.narrowed |= narrowed_by_remotes(remotes);
  return facts;
}

std::optional<GateRefusal> beyond_home(const Target& target, const ClusterRules& rules) {
  for (const Policy& policy : rules.policies)
    if (auto refusal = outside(policy, target, rules.home)) return refusal;
  return std::nullopt;
}

void add_victim(ClusterLoad& load, const cluster::ClusterVictim& victim, const std::string& node) {
  ++load.targets;
  bool fresh = load.uids.insert(victim.uid).second;
  if (victim.kind == "node")
    load.nodes.insert(node);
  else
    load.pods[victim.namespace_] += fresh;
}

void add_pod_of_node(ClusterLoad& load, const cluster::Pod& pod) {
  bool hit = pod.runs() && load.nodes.count(pod.node) > 0;
  if (hit && load.uids.insert(pod.uid).second) ++load.pods[pod.namespace_];
}

Result<Gates> judge_gates(const Experiment& experiment, const AttackFacts& facts, const ClusterRules& rules,
                          const cluster::View& view, const ClusterChoice& choice, const ClusterLoad& others) {
  Gates gates;
  bool of_pods = experiment.target.type != TargetType::kNode && experiment.target.type != TargetType::kHost;
  int64_t matched = of_pods ? TRY(running_that_match(experiment.target, rules.home, view)) : 0;
  for (const Policy& policy : rules.policies) {
    add(gates.refusals, wrong_environment(policy, experiment.environment));
    add(gates.refusals, hits_all_traffic(policy, experiment, facts));
    if (of_pods) add(gates.refusals, floor_reached(policy, matched, hit_for_good(choice, facts, view)));
  }
  judge_caps(rules.policies, choice, others, gates.refusals);
  judge_shares(rules.policies, view, choice, others, gates.refusals);
  if (facts.one_way) gates.warnings = budget_warnings(view, choice);
  bool known =
      std::any_of(rules.policies.begin(), rules.policies.end(), [](auto& p) { return !p.environment.empty(); });
  if (!experiment.environment.empty() && !known)
    gates.warnings.push_back(fmt::format(
        "environment: no policy says what this cluster is, so nothing compares it with {}", experiment.environment));
  return gates;
}

std::optional<GateRefusal> below_floor(const std::vector<Policy>& policies, int64_t matched, int64_t running) {
  for (const Policy& policy : policies) {
    auto floor = floor_of(policy, matched);
    if (floor && running < floor->pods)
      return GateRefusal{floor->rule,
                         fmt::format("{} is {}, and {} that match the target run", floor->rule, floor->as_said,
                                     counted(static_cast<size_t>(running), "pod", "pods"))};
  }
  return std::nullopt;
}

}  // namespace ordeal::target
