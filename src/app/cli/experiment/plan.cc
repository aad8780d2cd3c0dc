// plan: everything that a run would do, in words, without doing any of it.
#include <fmt/format.h>

#include <algorithm>

#include "app/cli/commands.h"
#include "app/cli/experiment/plan_parts.h"
#include "app/cli/experiment/readings.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "platform/host/latch.h"
#include "platform/sys/process/capability.h"
#include "run/rollback/rollback.h"
#include "run/session/evidence_plan.h"
#include "run/session/local/local_session.h"
#include "run/session/prepare.h"
#include "run/session/preview/alike.h"

namespace ordeal::cli {
namespace {

using Readings = std::vector<session::FirstReading>;

std::string described(const Victim& victim) {
  return fmt::format("{} ({}{})", victim.name, to_text(victim.kind),
                     victim.processes.empty() ? "" : ", " + counted(victim.processes.size(), "process", "processes"));
}

bool share_netns(const std::vector<Victim>& victims) {
  return std::all_of(victims.begin(), victims.end(),
                     [&](const Victim& victim) { return victim.netns == victims.front().netns; });
}

// What tells it from others that are hit alike.
std::string identity(const Victim& victim, bool with_netns) {
  std::string text = described(victim);
  if (!victim.cgroup.empty()) text += ", cgroup " + victim.cgroup;
  if (with_netns && victim.netns != 0) text += fmt::format(", network namespace {}", victim.netns);
  return text;
}

void print_plan(const session::VictimPlan& plan) {
  if (plan.refusal) print("    refused: {}\n", plan.refusal->message());
  for (const Step& step : plan.steps) {
    print("    do    [{}] {}\n    undo  {}\n    proof {}\n", to_text(step.kind), step.action, step.undo, step.proof);
    for (const std::string& note : step.notes) print("    note  {}\n", note);
  }
}

// What is the same on several is said once.
void print_victims(const session::Prepared& prepared) {
  const std::vector<Victim>& chosen = prepared.selection.chosen;
  bool with_netns = !share_netns(chosen);
  for (const session::AlikePlans& group : session::group_alike(chosen, prepared.plans)) {
    for (size_t i : group.victims)
      print("  {}\n", group.differs ? identity(chosen[i], with_netns) : described(chosen[i]));
    if (group.victims.size() > 1) print("    on each of these {} victims:\n", group.victims.size());
    print_plan(group.plan);
  }
}

std::string in_words(const fault::Demand& demand) {
  auto number = [&](double value) {
    return demand.unit.empty() ? fmt::format("{:.4g}", value) : plain_value(value, demand.unit);
  };
  std::string of = demand.unit.empty() ? demand.of : "of " + demand.of;
  std::string text = fmt::format("{} of {} {}", number(demand.asked), number(demand.there), of);
  if (demand.asked <= demand.there) return text;
  return text + ": more than there is, so each victim gets less than asked; ask for less, or hit fewer";
}

// The one line that decides.
void print_decision(const Result<>& may_start, size_t victims, const Readings& readings) {
  std::string fails = what_fails_now(readings);
  if (may_start && !fails.empty())
    return print("Nothing was changed. `ordeal run` would stop before its attack: {}.\n", fails);
  if (may_start)
    return print("Nothing was changed. `ordeal run` would start: {} can be hit.\n",
                 counted(victims, "victim", "victims"));
  print("Nothing was changed. `ordeal run` would refuse: {}\n", may_start.error().message());
  if (!may_start.error().advice().empty()) print("{:12}{}\n", "", may_start.error().advice());
}

void print_text(const session::Prepared& prepared, const Result<>& may_start, const Readings& readings) {
  const Experiment& experiment = prepared.experiment;
  print("Experiment  {}\n", experiment.name);
  if (!experiment.hypothesis.empty()) print("Hypothesis  {}\n", experiment.hypothesis);
  print_attack(experiment.attack, *prepared.fault);
  print("If frozen   {} (should Ordeal's own cgroup be frozen meanwhile)\n", prepared.fault->info().when_frozen);
  print("Seed        {}\n", *experiment.seed);
  const target::Selection& selection = prepared.selection;
  print("Victims     {} of {}\n", selection.chosen.size(), counted(selection.candidates, "candidate", "candidates"));
  print_victims(prepared);
  for (const Refusal& refusal : selection.refused) print("  not {}: {}\n", refusal.victim, refusal.rule);
  for (const fault::Demand& demand : prepared.demands) print("Together    {}\n", in_words(demand));
  if (prepared.broken_cap) print("Refused     {}\n", *prepared.broken_cap);
  if (prepared.source_refusal) print("Refused     {}\n", prepared.source_refusal->message());
  if (prepared.evidence_refusal) print("Refused     {}\n", prepared.evidence_refusal->message());
  for (const session::BudgetCheck& check : prepared.budgets) print("Budget      {}\n", in_words(check));
  if (prepared.budget_refusal) print("Refused     {}\n", prepared.budget_refusal->message());
  for (const packets::Exemption& e : prepared.exemptions)
    print("Exempt      {} ({} from ports {}-{} to {} port {})\n", e.why, e.address, e.first_port, e.last_port, e.remote,
          e.remote_port);
  for (const Expectation& e : experiment.expect) print_expectation(experiment, e, prepared.sample_every);
  if (experiment.rollback) print_rollback(*experiment.rollback);
  if (prepared.rollback_refusal) print("Refused     {}\n", prepared.rollback_refusal->message());
  for (const std::string& note : prepared.notes) print("Note        {}\n", note);
  for (const std::string& warning : prepared.warnings) print("Warning     {}\n", warning);
  print_readings(readings);
  auto possible = std::count_if(prepared.plans.begin(), prepared.plans.end(),
                                [](const session::VictimPlan& plan) { return !plan.refusal; });
  print_decision(may_start, static_cast<size_t>(possible), readings);
}

json::Array victims_json(const session::Prepared& prepared) {
  json::Array victims;
  for (size_t i = 0; i < prepared.plans.size(); ++i) {
    json::Array steps;
    for (const Step& step : prepared.plans[i].steps) steps.push_back(ordeal::to_json(step));
    json::Object victim{{"victim", ordeal::to_json(prepared.selection.chosen[i])}, {"steps", std::move(steps)}};
    if (prepared.plans[i].refusal) victim["refused"] = prepared.plans[i].refusal->message();
    victims.push_back(std::move(victim));
  }
  return victims;
}

template <typename Items, typename Make>
json::Array array_of(const Items& items, Make make) {
  json::Array array;
  for (const auto& item : items) array.push_back(make(item));
  return array;
}

json::Value to_json(const fault::Demand& demand) {
  return json::Object{{"of", demand.of}, {"unit", demand.unit}, {"asked", demand.asked}, {"there", demand.there}};
}

json::Value to_json(const session::Prepared& prepared, const Result<>& may_start, const Readings& readings) {
  auto text = [](const std::string& one) { return json::Value(one); };
  auto rule = [](const Refusal& r) { return json::Object{{"victim", r.victim}, {"rule", r.rule}}; };
  auto refusal = [](const std::optional<Error>& error) {
    return error ? json::Value(error->message()) : json::Value(nullptr);
  };
  const Experiment& experiment = prepared.experiment;
  auto evidence = [&](const Expectation& e) {
    return json::Object{{"expectation", e.name},
                        {"text", session::plan_evidence(experiment, e, prepared.sample_every).text}};
  };
  auto rollback = experiment.rollback.value_or(std::vector<RollbackAction>{});
  return json::Object{
      {"experiment", ordeal::to_json(experiment)},
      {"would_start", may_start.has_value()},
      {"would_refuse", may_start ? json::Value(nullptr) : json::Value(may_start.error().message())},
      {"when_frozen", prepared.fault->info().when_frozen},
      {"candidates", prepared.selection.candidates},
      {"victims", victims_json(prepared)},
      {"refused", array_of(prepared.selection.refused, rule)},
      {"together", array_of(prepared.demands, [](const fault::Demand& demand) { return to_json(demand); })},
      {"broken_cap", prepared.broken_cap ? json::Value(*prepared.broken_cap) : json::Value(nullptr)},
      {"triggers", array_of(experiment.expect, trigger_json)},
      {"budgets", array_of(prepared.budgets, [](const session::BudgetCheck& check) { return to_json(check); })},
      {"budget_refused", refusal(prepared.budget_refusal)},
      {"source_refused", refusal(prepared.source_refusal)},
      {"evidence", array_of(experiment.expect, evidence)},
      {"evidence_refused", refusal(prepared.evidence_refusal)},
      {"rollback", array_of(rollback, rollback::describe)},
      {"rollback_refused", refusal(prepared.rollback_refusal)},
      {"readings", array_of(readings, [](const session::FirstReading& reading) { return to_json(reading); })},
      {"notes", array_of(prepared.notes, text)},
      {"warnings", array_of(prepared.warnings, text)}};
}

ExitCode worst_of(const session::Prepared& prepared) {
  ExitCode code = prepared.broken_cap ? ExitCode::kRefused : ExitCode::kHeld;
  for (const auto& refusal :
       {prepared.source_refusal, prepared.evidence_refusal, prepared.budget_refusal, prepared.rollback_refusal})
    if (refusal) code = stronger(code, exit_code_of(*refusal));
  for (const session::VictimPlan& plan : prepared.plans)
    if (plan.refusal) code = stronger(code, exit_code_of(*plan.refusal));
  return code;
}

}  // namespace

ExitCode plan_command(const session::RunOptions& options) {
  auto paths = host::Paths::find(options.state_dir);
  if (!paths) return print_error(paths.error());
  auto prepared = session::prepare(options);
  if (!prepared) return print_error(prepared.error());
  Result<> latch = host::check_latch(*paths);
  Result<> may_start = latch ? session::check_plans(*prepared) : latch;
  // The plan is made; only answers of others are read from here on.
  if (auto dropped = sys::drop_all_capabilities(); !dropped) return print_error(dropped.error());
  auto readings =
      session::look_once(prepared->experiment, session::Ask::kHarmless, options.json ? nullptr : print_waiting);
  if (!readings) return print_error(readings.error());
  if (options.json) {
    print_json(to_json(*prepared, may_start, *readings));
  } else {
    print_text(*prepared, may_start, *readings);
  }
  return latch ? worst_of(*prepared) : stronger(worst_of(*prepared), ExitCode::kRefused);
}

}  // namespace ordeal::cli
