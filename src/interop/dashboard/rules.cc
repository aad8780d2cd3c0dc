#include "interop/dashboard/rules.h"

#include <fmt/format.h>

#include <map>

#include "core/base/duration.h"
#include "core/expr/condition.h"
#include "interop/dashboard/escape.h"
#include "interop/slo/budget.h"
#include "interop/slo/query.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::dashboard {
namespace {

using expr::Comparison;

// What violates a limit.
constexpr std::pair<Comparison, const char*> kOpposites[] = {
    {Comparison::kLess, ">="},        {Comparison::kLessEqual, ">"}, {Comparison::kGreater, "<="},
    {Comparison::kGreaterEqual, "<"}, {Comparison::kEqual, "!="},    {Comparison::kNotEqual, "=="}};

std::optional<expr::Threshold> limit_of(const Expectation& expectation) {
  auto condition = expr::Condition::parse(expectation.condition);
  if (!condition || !promql::parse(expectation.query)) return std::nullopt;
  return condition->threshold();
}

// CamelCase of a person's words: an alert's name.
std::string alert_name(const std::string& words) {
  std::string name;
  bool upper = true;
  for (char c : words) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = !plain;
  }
  if (name.empty()) return "Expectation";
  return std::isdigit(static_cast<unsigned char>(name[0])) ? "Expectation" + name : name;
}

// What violates a limit. A comparison of scalars is no alert. NaN, which `!=` alone would take for a violation, is no
// value; and what must be large is violated by a numerator that nobody counted.
std::string violation(const std::string& query, const expr::Threshold& limit) {
  std::string op;
  for (const auto& [comparison, opposite] : kOpposites)
    if (comparison == limit.comparison) op = opposite;
  bool from_above = limit.comparison == Comparison::kLess || limit.comparison == Comparison::kLessEqual;
  std::string value = slo::operand(from_above ? query : slo::with_zeros(query));
  if (limit.comparison == Comparison::kEqual) value = slo::without_nan(value);
  return fmt::format("{} {} {:.12g}", value, op, limit.value);
}

// Prometheus' own examples wait longer than one scrape, so that one bad scrape wakes nobody.
constexpr Nanos kUsualFor = 1min;

RuleGroup expectations(const Experiment& experiment) {
  RuleGroup group{"expectations", {}};
  for (const Expectation& expectation : experiment.expect) {
    auto limit = limit_of(expectation);
    // What is judged after an attack alone is a promise about recovery, and may be broken at any other time.
    if (!limit || expectation.when == std::set{When::kAfter}) continue;
    group.rules.push_back({alert_name(expectation.name), violation(expectation.query, *limit),
                           std::max(expectation.for_.value_or(kUsualFor), expectation.within.value_or(Nanos(0))),
                           "ticket",
                           in_template(fmt::format("{}: expected {}", expectation.name, expectation.condition))});
  }
  return group;
}

RuleGroup on_ordeal() {
  return {"ordeal",
          {{"OrdealAttackUnderWay", "max by (experiment) (ordeal_run_phase{phase=\"during\"}) == 1", Nanos(0), "info",
            "An experiment is attacking this system: {{ $labels.experiment }}"}}};
}

struct BurnAlert {
  double factor;
  Nanos longer, shorter;
  const char* severity;
};
constexpr BurnAlert kBurnAlerts[] = {{14.4, 1h, 5min, "page"}, {6, 6h, 30min, "page"}, {1, 72h, 6h, "ticket"}};

std::string burn_exceeds(const slo::Slo& slo, const slo::Objective& objective, Nanos window, double factor) {
  slo::BudgetQueries queries = slo::queries_of(slo, objective, window);
  return fmt::format("{} / {} > {:.12g}", queries.bad, queries.total, factor * (1 - objective.target));
}

std::vector<std::pair<std::string, std::string>> labels_of(const slo::Slo& slo, const slo::Objective& objective,
                                                           const BurnAlert& alert) {
  return {{"objective", in_template(slo::full_name(slo, objective))}, {"window", format_duration(alert.longer)}};
}

RuleGroup burning(const slo::Slo& slo) {
  RuleGroup group{"error budget of " + slo.name, {}};
  for (const slo::Objective& objective : slo.objectives) {
    if (objective.slice) continue;  // a slice is longer than the short windows
    for (const BurnAlert& alert : kBurnAlerts)
      group.rules.push_back(
          {alert_name(slo.name + " budget burns"),
           fmt::format("({}) and ({})", burn_exceeds(slo, objective, alert.longer, alert.factor),
                       burn_exceeds(slo, objective, alert.shorter, alert.factor)),
           Nanos(0), alert.severity,
           in_template(fmt::format("{} burns its error budget {:g} times too fast over {}",
                                   slo::full_name(slo, objective), alert.factor, format_duration(alert.longer))),
           labels_of(slo, objective, alert)});
  }
  return group;
}

// Prometheus takes no two groups of one name.
void number_same_names(std::vector<RuleGroup>& groups) {
  std::map<std::string, int> seen;
  for (RuleGroup& group : groups)
    if (int times = ++seen[group.name]; times > 1) group.name += fmt::format(" ({})", times);
}

std::string write_rule(const Rule& rule) {
  std::string text = fmt::format("      - alert: {}\n        expr: {}\n", rule.alert, in_yaml(rule.expr));
  if (rule.for_ > Nanos(0)) text += fmt::format("        for: {}\n", format_prometheus_duration(rule.for_));
  text += fmt::format("        labels:\n          severity: {}\n", rule.severity);
  for (const auto& [name, value] : rule.labels) text += fmt::format("          {}: {}\n", name, in_yaml(value));
  return text + fmt::format("        annotations:\n          summary: {}\n", in_yaml(rule.summary));
}

}  // namespace

std::vector<RuleGroup> rules_for(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos) {
  std::vector<RuleGroup> groups;
  if (experiment) groups.push_back(expectations(*experiment));
  for (const slo::Slo& slo : slos) groups.push_back(burning(slo));
  groups.push_back(on_ordeal());
  std::erase_if(groups, [](const RuleGroup& group) { return group.rules.empty(); });
  number_same_names(groups);
  return groups;
}

std::vector<std::string> left_out(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos) {
  std::vector<std::string> all;
  auto leave = [&](const std::string& name, const char* why) {
    all.push_back(fmt::format("no rule for \"{}\": {}", name, why));
  };
  for (const Expectation& expectation : experiment ? experiment->expect : std::vector<Expectation>{})
    if (!limit_of(expectation))
      leave(expectation.name, expectation.query.empty()           ? "it is a probe"
                              : !promql::parse(expectation.query) ? "its query is not one that Ordeal can read"
                                                                  : "its condition is not a comparison with a number");
  for (const slo::Slo& slo : slos)
    for (const slo::Objective& objective : slo.objectives)
      if (objective.slice) leave(slo::full_name(slo, objective), "a slice is longer than the windows of a burn rate");
  return all;
}

std::string write_rules(const std::vector<RuleGroup>& groups) {
  std::string text = "# Made by `ordeal rules`. Check it with: promtool check rules FILE\ngroups:\n";
  for (const RuleGroup& group : groups) {
    text += fmt::format("  - name: {}\n    rules:\n", in_yaml(group.name));
    for (const Rule& rule : group.rules) text += write_rule(rule);
  }
  return text;
}

}  // namespace ordeal::dashboard
