#include "interop/dashboard/panel.h"

#include <fmt/format.h>

#include <algorithm>

#include "interop/slo/budget.h"
#include "interop/slo/query.h"
#include "judge/trigger_design.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::dashboard {
namespace {

constexpr const char* kErrorRate =
    "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))";
constexpr const char* kLatency = "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))";

using expr::Comparison;

bool from_above(Comparison comparison) {
  return comparison == Comparison::kLess || comparison == Comparison::kLessEqual;
}

// Green on the side that holds.
std::vector<Step> steps_of(const std::optional<expr::Threshold>& threshold) {
  if (!threshold) return {{std::nullopt, "blue"}};
  if (from_above(threshold->comparison)) return {{std::nullopt, "green"}, {threshold->value, "red"}};
  return {{std::nullopt, "red"}, {threshold->value, "green"}};
}

std::vector<Step> limit(double value) { return steps_of(expr::Threshold{Comparison::kLess, value}); }

Panel error_rate() {
  return {"Error Rate",
          "Share of requests that fail. Empty until the first error is counted, and without traffic.",
          PanelKind::kTimeSeries,
          "percentunit",
          {{kErrorRate, "errors"}},
          limit(0.01),
          {}};
}

Panel latency() {
  return {"p95 Latency",
          "One line per series of buckets: 19 of 20 requests are faster.",
          PanelKind::kTimeSeries,
          "s",
          {{kLatency, "{{pod}} {{route}}"}},
          limit(1),
          {}};
}

Panel breaker() {
  return {"Circuit Breaker State",
          "0 closed: calls pass. 1 open: they are refused. 0.5 half-open: it probes.",
          PanelKind::kStateTimeline,
          "short",
          {{"circuit_breaker_state", "{{service}} {{pod}}"}},
          {{std::nullopt, "green"}},
          {{0, "closed", "green"}, {0.5, "half-open", "yellow"}, {1, "open", "red"}}};
}

// kube-state-metrics has a series of 0 or 1 for every phase, so that count() counts pods in all of them.
Panel pods() {
  return {"Active Pods",
          "Pods in the phase Running (a sum, since there is a series of 0 for every other phase).",
          PanelKind::kStat,
          "short",
          {{"sum(kube_pod_status_phase{phase=\"Running\"})", "running"}},
          {{std::nullopt, "red"}, {1, "green"}},
          {}};
}

std::string unit_of(const Expectation& expectation, const judge::TriggerDesign& design) {
  if (design.kind != judge::TriggerDesign::Signal::kCounts)
    return expectation.query.find("_seconds") != std::string::npos ? "s" : "short";
  return design.counts.latency ? "s" : "percentunit";
}

// The same query, however it is spaced.
bool same_query(const std::string& a, const std::string& b) {
  auto left = promql::parse(a), right = promql::parse(b);
  return left && right ? promql::same(**left, **right) : a == b;
}

std::optional<Panel> panel_of(const Expectation& expectation) {
  if (expectation.query.empty()) return std::nullopt;
  auto condition = expr::Condition::parse(expectation.condition);
  judge::TriggerDesign design = judge::design_trigger(expectation);
  Panel panel;
  panel.title = expectation.name;
  panel.description = fmt::format("Must hold: {}.", expectation.condition);
  if (design.kind == judge::TriggerDesign::Signal::kCounts)
    panel.description += fmt::format(" Also watched: {}.", design.text);
  panel.unit = unit_of(expectation, design);
  panel.queries = {{slo::printed(expectation.query), ""}};
  panel.steps = steps_of(condition ? condition->threshold() : std::nullopt);
  return panel;
}

std::vector<Panel> usual_panels() { return {error_rate(), latency(), breaker(), pods()}; }

auto with_query(std::vector<Panel>& panels, const std::string& query) {
  return std::find_if(panels.begin(), panels.end(),
                      [&](const Panel& panel) { return same_query(panel.queries.front().expr, query); });
}

// What has the query of a usual panel is shown as that one, under its own name and limit. Two expectations on one query
// share a panel.
void add_expectation(const Expectation& expectation, std::vector<Panel>& panels) {
  auto fresh = panel_of(expectation);
  if (!fresh) return;
  if (auto shown = with_query(panels, expectation.query); shown != panels.end()) {
    shown->description += " " + fresh->description;
    return;
  }
  std::vector<Panel> usual = usual_panels();
  if (auto known = with_query(usual, expectation.query); known != usual.end()) {
    known->title = fresh->title;
    known->description = fresh->description;
    if (known->kind == PanelKind::kTimeSeries) known->steps = fresh->steps;
    fresh = std::move(*known);
  }
  panels.push_back(std::move(*fresh));
}

Panel burn(const slo::Slo& slo, const slo::Objective& objective) {
  Panel panel;
  panel.title = fmt::format("Error Budget of {}", slo::full_name(slo, objective));
  panel.description =
      fmt::format("How fast the budget of {:.6g} % burns: at 1 it lasts exactly its period.", objective.target * 100);
  for (Nanos window : {Nanos(5min), Nanos(1h)}) {
    slo::BudgetQueries queries = slo::queries_of(slo, objective, window);
    panel.queries.push_back({fmt::format("{} / {} / {:.12g}", queries.bad, queries.total, 1 - objective.target),
                             window == 1h ? "burn rate of an hour" : "burn rate of 5 minutes"});
  }
  panel.steps = limit(1);
  return panel;
}

Panel run_phase() {
  return {"Run Phase",
          "Where the run is: before the attack, during, reverting, after.",
          PanelKind::kStateTimeline,
          "short",
          {{"max by (phase) (ordeal_run_phase)", "{{phase}}"}},
          {{std::nullopt, "green"}},
          {{0, " ", "transparent"}, {1, "now", "orange"}}};
}

Panel expectations_held() {
  return {"Expectations",
          "Whether each expectation held at its last check.",
          PanelKind::kStateTimeline,
          "short",
          {{"min by (expectation) (ordeal_expectation_holds)", "{{expectation}}"}},
          {{std::nullopt, "green"}},
          {{0, "violated", "red"}, {1, "holds", "green"}}};
}

Panel trigger_statistic() {
  return {"Trigger Statistic",
          "The raw counts behind the query, relative to their bound: a run halts at 1.",
          PanelKind::kTimeSeries,
          "percentunit",
          {{"max by (expectation) (ordeal_trigger_closeness)", "{{expectation}}"}},
          limit(1),
          {}};
}

Panel impacts_in_force() {
  return {"Impacts in Force",
          "Faults in force now.",
          PanelKind::kTimeSeries,
          "short",
          {{"sum by (attack) (ordeal_impacts_active)", "{{attack}}"}},
          {{std::nullopt, "orange"}},
          {}};
}

bool is_counted(const Expectation& expectation) {
  return judge::design_trigger(expectation).kind == judge::TriggerDesign::Signal::kCounts;
}

// Of what a run says of itself, what this experiment will have.
std::vector<Panel> own_panels(const std::optional<Experiment>& experiment) {
  bool any = !experiment || !experiment->expect.empty();
  bool counted = !experiment || std::any_of(experiment->expect.begin(), experiment->expect.end(), is_counted);
  std::vector<Panel> panels{run_phase()};
  if (any) panels.push_back(expectations_held());
  if (counted) panels.push_back(trigger_statistic());
  panels.push_back(impacts_in_force());
  return panels;
}

}  // namespace

std::vector<Panel> panels_for(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos) {
  std::vector<Panel> panels = experiment || !slos.empty() ? std::vector<Panel>{} : usual_panels();
  if (experiment)
    for (const Expectation& expectation : experiment->expect) add_expectation(expectation, panels);
  for (const slo::Slo& slo : slos)
    for (const slo::Objective& objective : slo.objectives) panels.push_back(burn(slo, objective));
  for (Panel& own : own_panels(experiment)) panels.push_back(std::move(own));
  return panels;
}

}  // namespace ordeal::dashboard
