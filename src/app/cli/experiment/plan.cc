// plan: everything that a run would do, in words, without doing any of it.
#include <fmt/format.h>

#include <algorithm>

#include "app/cli/commands.h"
#include "app/cli/experiment/plan_parts.h"
#include "app/cli/experiment/readings.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "core/model/experiment/part.h"
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
void print_victims(const session::PartPlan& part) {
  const std::vector<Victim>& chosen = part.selection.chosen;
  bool with_netns = !share_netns(chosen);
  for (const session::AlikePlans& group : session::group_alike(chosen, part.plans)) {
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
void print_decision(const Result<>& may_start, size_t victims, bool only_looks, const Readings& readings) {
  std::string fails = what_fails_now(readings);
  if (may_start && !fails.empty())
    return print("Nothing was changed. `ordeal run` would stop before its attack: {}.\n", fails);
  if (may_start && only_looks) return print("Nothing was changed. `ordeal run` would start: it only looks.\n");
  if (may_start)
    return print("Nothing was changed. `ordeal run` would start: {} can be hit.\n",
                 counted(victims, "victim", "victims"));
  print("Nothing was changed. `ordeal run` would refuse: {}\n", may_start.error().message());
  if (!may_start.error().advice().empty()) print("{:12}{}\n", "", may_start.error().advice());
}

// When it starts and ends, and how it comes and goes.
void print_course(const Part& part, const session::PartPlan& plan) {
  print("Part        {}, from {} to {}\n", part.name, format_duration(part.at),
        format_duration(plan.stints.back().end()));
  std::string course = course_in_words(part);
  if (!course.empty()) print("Course      {}\n", course);
  if (!part.ramp) return;
  for (const Stint& stint : plan.stints)
    print("            from {}: {} = {}\n", format_duration(stint.at), part.ramp->argument,
          json::write(stint.attack.args.at(part.ramp->argument)));
}

void print_part(const Experiment& experiment, size_t index, const session::PartPlan& part) {
  bool steady = experiment.parts.empty();
  if (!steady) print_course(experiment.parts[index], part);
  print_attack(steady ? experiment.attack : experiment.parts[index].attack, *part.fault);
  print("At most     {}\n", part.at_most);
  print("If frozen   {} (should Ordeal's own cgroup be frozen meanwhile)\n", part.fault->info().when_frozen);
  if (steady) print("Seed        {}\n", *experiment.seed);
  const target::Selection& selection = part.selection;
  print("Victims     {} of {}\n", selection.chosen.size(), counted(selection.candidates, "candidate", "candidates"));
  print_victims(part);
  for (const Refusal& refusal : selection.refused) print("  not {}: {}\n", refusal.victim, refusal.rule);
}

// Of all attacks, each victim once.
size_t possible_victims(const session::Prepared& prepared) {
  std::vector<session::PartPlan> possible = prepared.parts;
  for (session::PartPlan& part : possible) {
    std::vector<Victim> victims;
    for (size_t i = 0; i < part.plans.size(); ++i)
      if (!part.plans[i].refusal) victims.push_back(part.selection.chosen[i]);
    part.selection.chosen = std::move(victims);
  }
  return session::victims_of(possible).size();
}

void print_text(const session::Prepared& prepared, const Result<>& may_start, const Readings& readings) {
  const Experiment& experiment = prepared.experiment;
  print("Experiment  {}\n", experiment.name);
  if (!experiment.hypothesis.empty()) print("Hypothesis  {}\n", experiment.hypothesis);
  if (!experiment.parts.empty()) print("Seed        {}\n", *experiment.seed);
  for (size_t i = 0; i < prepared.parts.size(); ++i) print_part(experiment, i, prepared.parts[i]);
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
  print_decision(may_start, possible_victims(prepared), prepared.only_looks(), readings);
}

json::Array victims_json(const session::PartPlan& part) {
  json::Array victims;
  for (size_t i = 0; i < part.plans.size(); ++i) {
    json::Array steps;
    for (const Step& step : part.plans[i].steps) steps.push_back(ordeal::to_json(step));
    json::Object victim{{"victim", ordeal::to_json(part.selection.chosen[i])}, {"steps", std::move(steps)}};
    if (part.plans[i].refusal) victim["refused"] = part.plans[i].refusal->message();
    if (!part.name.empty()) victim["part"] = part.name;
    victims.push_back(std::move(victim));
  }
  return victims;
}

json::Array victims_json(const session::Prepared& prepared) {
  json::Array all;
  for (const session::PartPlan& part : prepared.parts)
    for (json::Value& victim : victims_json(part)) all.push_back(std::move(victim));
  return all;
}

json::Array refused_json(const session::Prepared& prepared) {
  json::Array all;
  for (const session::PartPlan& part : prepared.parts)
    for (const Refusal& refusal : part.selection.refused)
      all.push_back(json::Object{{"victim", refusal.victim}, {"rule", refusal.rule}});
  return all;
}

json::Value part_json(const Part& part, const session::PartPlan& plan) {
  json::Array times;
  for (const Stint& stint : plan.stints)
    times.push_back(json::Object{
        {"at_ms", to_millis(stint.at)}, {"length_ms", to_millis(stint.length())}, {"args", stint.attack.args}});
  return json::Object{{"name", part.name},
                      {"attack", part.attack.type},
                      {"course", course_in_words(part)},
                      {"candidates", plan.selection.candidates},
                      {"when_frozen", plan.fault->info().when_frozen},
                      {"in_force", std::move(times)}};
}

json::Array parts_json(const session::Prepared& prepared) {
  json::Array parts;
  for (size_t i = 0; i < prepared.experiment.parts.size(); ++i)
    parts.push_back(part_json(prepared.experiment.parts[i], prepared.parts[i]));
  return parts;
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
  auto refusal = [](const std::optional<Error>& error) {
    return error ? json::Value(error->message()) : json::Value(nullptr);
  };
  const Experiment& experiment = prepared.experiment;
  auto evidence = [&](const Expectation& e) {
    return json::Object{{"expectation", e.name},
                        {"text", session::plan_evidence(experiment, e, prepared.sample_every).text}};
  };
  auto rollback = experiment.rollback.value_or(std::vector<RollbackAction>{});
  json::Object plan{
      {"experiment", ordeal::to_json(experiment)},
      {"would_start", may_start.has_value()},
      {"would_refuse", may_start ? json::Value(nullptr) : json::Value(may_start.error().message())},
      {"at_most", prepared.at_most()},
      {"when_frozen", prepared.parts.front().fault->info().when_frozen},
      {"candidates", prepared.candidates},
      {"victims", victims_json(prepared)},
      {"refused", refused_json(prepared)},
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
  if (!experiment.parts.empty()) plan["parts"] = parts_json(prepared);
  return plan;
}

ExitCode worst_of(const session::Prepared& prepared) {
  ExitCode code = prepared.broken_cap ? ExitCode::kRefused : ExitCode::kHeld;
  for (const auto& refusal :
       {prepared.source_refusal, prepared.evidence_refusal, prepared.budget_refusal, prepared.rollback_refusal})
    if (refusal) code = stronger(code, exit_code_of(*refusal));
  for (const session::PartPlan& part : prepared.parts)
    for (const session::VictimPlan& plan : part.plans)
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
