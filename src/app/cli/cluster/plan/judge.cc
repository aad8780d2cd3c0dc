#include <fmt/format.h>

#include <map>

#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/plan/plan.h"
#include "app/cli/cluster/run/submit.h"
#include "run/session/cluster/prepare_cluster.h"
#include "run/session/evidence_plan.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

// The server checks it by its schema, and makes nothing. Who may not create one is told so and may plan all the same.
Result<> check_on_server(const Connection& to, ClusterPlan& plan) {
  auto answer = submit(to, plan.submission, true);
  if (answer || answer.error().kind == Kind::kAlreadyExists) return {};
  if (answer.error().kind == Kind::kForbidden) {
    plan.facts.unread.push_back("what the server says of the Experiment: " + answer.error().message);
    return {};
  }
  return tl::unexpected(error_of(answer.error(), "the Experiment could not be created"));
}

void refuse(ClusterPlan& plan, Errc code, std::string what, std::string hint = {}) {
  plan.refusals.push_back(Error{code, std::move(what), 0, std::move(hint), nullptr});
}

Result<std::vector<Policy>> policies_of(const ClusterFacts& facts) {
  std::vector<Policy> policies;
  if (facts.policy.empty()) return policies;
  auto document = json::parse_document(facts.policy);
  if (!document) return wrap(document.error(), facts.policy_origin);
  policies.push_back(TRY(decode_policy(*document, facts.policy_origin)));
  return policies;
}

void choose(ClusterPlan& plan, const target::ClusterRules& rules) {
  if (plan.facts.policy_refusal) return plan.refusals.push_back(*plan.facts.policy_refusal);
  const Experiment& experiment = plan.experiment();
  auto choice = target::choose_in_cluster(experiment.target, plan.facts.view, rules, *experiment.seed);
  if (choice) {
    plan.choice = std::move(*choice);
    return;
  }
  plan.refusals.push_back(std::move(choice).error());
  auto judged = target::judge_in_cluster(experiment.target, plan.facts.view, rules);
  if (!judged) return;
  plan.choice.candidates = judged->candidates;
  plan.choice.left_out = std::move(judged->left_out);
  plan.choice.notes = std::move(judged->notes);
}

Result<> judge_gates_of(ClusterPlan& plan, const target::ClusterRules& rules) {
  if (plan.choice.chosen.empty()) return {};
  target::AttackFacts attack = session::facts_of(*plan.prepared.fault, plan.experiment().attack);
  target::Gates gates =
      TRY(target::judge_gates(plan.experiment(), attack, rules, plan.facts.view, plan.choice, plan.facts.load));
  for (target::GateRefusal& refusal : gates.refusals) refuse(plan, Errc::kRefused, std::move(refusal.sentence));
  for (std::string& warning : gates.warnings) plan.warnings.push_back(std::move(warning));
  return {};
}

std::vector<NodeWork> work_of(const target::ClusterChoice& choice) {
  std::map<std::string, NodeWork> by_node;
  for (const target::ClusterPick& pick : choice.chosen) {
    by_node[pick.node].node = pick.node;
    by_node[pick.node].victims.push_back(pick.victim);
  }
  std::vector<NodeWork> work;
  for (auto& [node, one] : by_node) work.push_back(std::move(one));
  return work;
}

// What the installation lacks for it.
void judge_installation(ClusterPlan& plan) {
  const ClusterFacts& facts = plan.facts;
  if (facts.halt && facts.halt->engaged)
    refuse(plan, Errc::kRefused, fmt::format("the cluster is halted: {}", facts.halt->reason),
           "`ordeal resume --cluster` releases it");
  const char* install = "`ordeal install` says what is missing";
  if (facts.missing) refuse(plan, Errc::kNotInjected, "Ordeal is not installed: nobody would take it up", install);
  if (facts.only_watches)
    refuse(plan, Errc::kNotInjected, "Ordeal is installed for its own namespace alone: it plans and watches only");
  if (plan.experiment().rollback && !plan.experiment().rollback->empty() && facts.installed && !facts.may_roll_back)
    refuse(plan, Errc::kRefused, "the installation may not roll back", "set rollback.enabled in the chart's values");
  std::vector<std::string> lacking = without_agent(plan.work, facts.agents);
  if (!lacking.empty() && !facts.only_watches)
    refuse(plan, Errc::kNotInjected, "no agent is ready on " + named_briefly(lacking), install);
}

void judge_watching(ClusterPlan& plan) {
  const Experiment& experiment = plan.experiment();
  if (experiment.sources.prometheus.empty()) plan.sample_every = experiment.sources.interval;
  for (const Expectation& expectation : experiment.expect)
    if (auto refusal = session::plan_evidence(experiment, expectation, plan.sample_every).refusal)
      plan.refusals.push_back(std::move(*refusal));
  if (experiment.expect.empty())
    plan.warnings.push_back("no expectation: the run will be inconclusive (add `expect`, or give --expect FILE)");
}

// Without one of its own the controller draws another.
void warn_of_seed(ClusterPlan& plan) {
  bool given = field_at(plan.submission.object, "spec.seed") != nullptr;
  const Target& target = plan.experiment().target;
  if (given || (!target.percentage && !target.count)) return;
  plan.warnings.push_back(
      fmt::format("the experiment has no seed, so a run would draw others: with `seed: {}` it draws these",
                  *plan.experiment().seed));
}

}  // namespace

Result<ClusterPlan> make_plan(const ExperimentOptions& options, const Connection& to) {
  ClusterPlan plan;
  plan.prepared = TRY(read_for_cluster(options));
  plan.submission = TRY(make_submission(plan.prepared, options, to.namespace_));
  plan.facts = TRY(read_facts(to, options.where, plan.experiment(), plan.submission.namespace_));
  TRY_VOID(check_on_server(to, plan));
  target::ClusterRules rules;
  rules.policies = TRY(policies_of(plan.facts));
  rules.home = plan.submission.namespace_;
  rules.own_namespace = plan.facts.own_namespace;
  rules.hits_network = plan.prepared.fault->info().hits_network;
  rules.of_container = plan.prepared.fault->info().of_container;
  plan.warnings = plan.prepared.warnings;
  if (auto fits = session::check_for_cluster(plan.experiment(), rules.home); !fits)
    plan.refusals.push_back(std::move(fits).error());
  if (auto beyond = target::beyond_home(plan.experiment().target, rules))
    refuse(plan, Errc::kRefused, std::move(beyond->sentence));
  choose(plan, rules);
  TRY_VOID(judge_gates_of(plan, rules));
  plan.work = work_of(plan.choice);
  judge_installation(plan);
  judge_watching(plan);
  warn_of_seed(plan);
  return plan;
}

}  // namespace ordeal::cli
