// plan in a cluster: everything that a run would do, in words, without doing any of it.
#include "app/cli/cluster/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/commands.h"
#include "app/cli/experiment/plan_parts.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "core/model/cluster/reading.h"
#include "run/rollback/rollback.h"
#include "run/session/evidence_plan.h"

namespace ordeal::cli {
namespace {

const cluster::Pod* pod_of(const cluster::View& view, const std::string& uid) {
  auto found =
      std::find_if(view.pods.begin(), view.pods.end(), [&](const cluster::Pod& pod) { return pod.uid == uid; });
  return found == view.pods.end() ? nullptr : &*found;
}

std::vector<std::string> running_containers(const cluster::View& view, const cluster::ClusterVictim& victim) {
  const cluster::Pod* pod = pod_of(view, victim.uid);
  std::vector<std::string> names;
  if (!pod || victim.kind != "pod") return names;
  for (const cluster::Container& container : pod->containers)
    if (container.running) names.push_back(container.name);
  return names;
}

void print_victims(const ClusterPlan& plan) {
  print("Victims     {} of {}\n", plan.choice.chosen.size(),
        counted(static_cast<size_t>(plan.choice.candidates), "candidate", "candidates"));
  for (const NodeWork& one : plan.work) {
    print("  {}\n", agent_in_words(one.node, plan.facts.agents));
    for (const cluster::ClusterVictim& victim : one.victims) {
      std::vector<std::string> containers = running_containers(plan.facts.view, victim);
      print("    {}{}\n", victim_in_words(victim), containers.empty() ? "" : ": " + join(containers, ", "));
    }
  }
  for (const LeftOut& group : group_by_rule(plan.choice.left_out))
    print("  not {}: {}\n", named_briefly(group.victims), group.rule);
}

void print_ways(const fault::Fault& fault, const Attack& attack) {
  const AttackInfo& info = fault.info();
  print("Each agent  {}\n", join(info.mechanisms, ", or "));
  print("            proof: {}\n", info.proof);
  if (fault.kind(attack) == StepKind::kOneWay)
    print("            what it does cannot be undone; it is done once every victim was checked\n");
  else
    print("            reverts at the end; by itself within {} when it hears nothing of the controller\n",
          format_duration(cluster::kClusterLease));
}

std::vector<const cluster::DisruptionBudget*> budgets_of(const ClusterPlan& plan) {
  std::vector<const cluster::DisruptionBudget*> budgets;
  for (const cluster::DisruptionBudget& budget : plan.facts.view.budgets) {
    auto selector = decode_label_selector(json::Reader(budget.selector, cluster::kNoLines));
    auto covers = [&](const target::ClusterPick& pick) {
      return pick.model_victim.namespace_ == budget.namespace_ && selector &&
             selector->matches(pick.model_victim.labels);
    };
    if (std::any_of(plan.choice.chosen.begin(), plan.choice.chosen.end(), covers)) budgets.push_back(&budget);
  }
  return budgets;
}

// The one line that decides.
void print_decision(const ClusterPlan& plan) {
  if (plan.refusals.empty())
    return print("Nothing was changed. `ordeal run --cluster` would start: {} can be hit.\n",
                 counted(plan.choice.chosen.size(), "victim", "victims"));
  const char* known = plan.facts.policy_unread && plan.refusals.size() == 1
                          ? "Whether `ordeal run --cluster` would start is not known"
                          : "`ordeal run --cluster` would not start";
  print("Nothing was changed. {}: {}\n", known, plan.refusals.front().message());
  if (std::string advice = plan.refusals.front().advice(); !advice.empty()) print("{:12}{}\n", "", advice);
}

void print_text(const ClusterPlan& plan) {
  const Experiment& experiment = plan.experiment();
  print("Experiment  {}, as {}/{}\n", experiment.name, plan.submission.namespace_, plan.submission.name());
  if (!experiment.hypothesis.empty()) print("Hypothesis  {}\n", experiment.hypothesis);
  print_attack(experiment.attack, *plan.prepared.fault);
  print_ways(*plan.prepared.fault, plan.prepared.experiment.attack);
  print("Seed        {}\n", *experiment.seed);
  print("Policy      {}\n", plan.facts.policy_origin);
  print_victims(plan);
  for (const cluster::DisruptionBudget* budget : budgets_of(plan))
    print("Budget      {}/{} allows {} now\n", budget->namespace_, budget->name,
          counted(static_cast<size_t>(std::max<int64_t>(budget->allowed, 0)), "disruption", "disruptions"));
  for (const Error& refusal : plan.refusals) print("Refused     {}\n", refusal.message());
  for (const Expectation& e : experiment.expect) print_expectation(experiment, e, plan.sample_every);
  if (!experiment.expect.empty())
    print("            what they say now is asked by the controller, and not from here\n");
  if (experiment.rollback) print_rollback(*experiment.rollback);
  for (const std::string& note : plan.prepared.notes) print("Note        {}\n", note);
  for (const std::string& note : plan.choice.notes) print("Note        {}\n", note);
  for (const std::string& warning : plan.warnings) print("Warning     {}\n", warning);
  for (const std::string& unread : plan.facts.unread) print("Not known   {}\n", unread);
  print_decision(plan);
}

json::Value victim_json(const cluster::ClusterVictim& victim, const cluster::View& view) {
  return json::Object{{"kind", victim.kind},
                      {"namespace", victim.namespace_},
                      {"pod", victim.pod},
                      {"uid", victim.uid},
                      {"container", victim.container},
                      {"containers", json::texts(running_containers(view, victim))}};
}

json::Array nodes_json(const ClusterPlan& plan) {
  json::Array nodes;
  for (const NodeWork& one : plan.work) {
    json::Array victims;
    for (const cluster::ClusterVictim& victim : one.victims) victims.push_back(victim_json(victim, plan.facts.view));
    json::Value ready = plan.facts.agents ? json::Value(plan.facts.agents->count(one.node) > 0) : json::Value(nullptr);
    nodes.push_back(
        json::Object{{"node", one.node}, {"agent_ready", std::move(ready)}, {"victims", std::move(victims)}});
  }
  return nodes;
}

template <typename Items, typename Make>
json::Array each(const Items& items, Make make) {
  json::Array array;
  for (const auto& item : items) array.push_back(make(item));
  return array;
}

json::Value to_json(const ClusterPlan& plan, const std::string& where) {
  const Experiment& experiment = plan.experiment();
  auto left_out = [](const Refusal& one) { return json::Object{{"victim", one.victim}, {"rule", one.rule}}; };
  auto budget = [](const cluster::DisruptionBudget* one) {
    return json::Object{{"namespace", one->namespace_}, {"name", one->name}, {"allowed", one->allowed}};
  };
  auto message = [](const Error& error) { return json::Value(error.message()); };
  auto evidence = [&](const Expectation& e) {
    return json::Object{{"expectation", e.name},
                        {"text", session::plan_evidence(experiment, e, plan.sample_every).text}};
  };
  return json::Object{
      {"cluster", where},
      {"namespace", plan.submission.namespace_},
      {"experiment", ordeal::to_json(experiment)},
      {"would_start", plan.refusals.empty()},
      {"would_refuse", each(plan.refusals, message)},
      {"policy", plan.facts.policy_origin},
      {"candidates", plan.choice.candidates},
      {"nodes", nodes_json(plan)},
      {"refused", each(plan.choice.left_out, left_out)},
      {"disruption_budgets", each(budgets_of(plan), budget)},
      {"triggers", each(experiment.expect, trigger_json)},
      {"evidence", each(experiment.expect, evidence)},
      {"rollback", each(experiment.rollback.value_or(std::vector<RollbackAction>{}), rollback::describe)},
      {"notes", json::texts(plan.choice.notes)},
      {"warnings", json::texts(plan.warnings)},
      {"not_known", json::texts(plan.facts.unread)}};
}

}  // namespace

ExitCode plan_in_cluster(const ExperimentOptions& options) {
  auto to = connect(options.where);
  if (!to) return print_error(to.error());
  if (options.json) print_to_error("ordeal: {}\n", to->where());
  if (!options.json) print("Cluster     {}\n", to->where());
  auto plan = make_plan(options, *to);
  if (!plan) return print_error(plan.error());
  if (options.json) {
    print_json(to_json(*plan, to->where()));
  } else {
    print_text(*plan);
  }
  ExitCode code = ExitCode::kHeld;
  for (const Error& refusal : plan->refusals) code = stronger(code, exit_code_of(refusal));
  return code;
}

}  // namespace ordeal::cli
