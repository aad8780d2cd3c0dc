#include "interop/argo/check/lint_metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/base/duration.h"
#include "core/expr/condition.h"
#include "interop/argo/check/condition_limits.h"
#include "interop/argo/check/query_traps.h"
#include "interop/argo/check/validation.h"
#include "interop/argo/run/arguments.h"
#include "interop/argo/run/assessment.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::argo {
namespace {

using Severity = Finding::Severity;
using promql::ValueKind;

constexpr const char* kAlwaysError =
    "every measurement is an Error; after the fifth the run is Error and the Rollout aborts";

// One of the two conditions.
struct ConditionRef {
  const char* field;
  const std::string* text;  // with its arguments filled in
  std::string written;      // as it stands in the file
};

struct Context {
  const Template& owner;
  const MetricTemplate& written;
  const std::vector<Argument>& args;
  Metric metric;
  promql::ExprPtr query;  // null when it does not parse
  std::vector<Finding>& findings;

  void add(Severity severity, std::string_view field, std::string what, std::string argo = {}, std::string fix = {}) {
    findings.push_back({severity, owner.file, line_in(written.origin, field), path_in(written.origin, field),
                        std::move(what), std::move(argo), std::move(fix)});
  }
  void warn(std::string_view field, std::string what, std::string argo = {}, std::string fix = {}) {
    add(Severity::kWarning, field, std::move(what), std::move(argo), std::move(fix));
  }

  // What stands in the file, as JSON; "" when nothing does.
  std::string raw(std::string_view field) const {
    const json::Object* object = written.value.if_object();
    const json::Value* value = object ? object->if_contains(field) : nullptr;
    return value ? json::write(*value) : "";
  }
  // Whether the field's value is one that only a cluster or a person knows, and so was made up.
  bool is_guessed(std::string_view field) const {
    std::string text = raw(field);
    return std::any_of(args.begin(), args.end(), [&](const Argument& argument) {
      return !argument.value && text.find("args." + argument.name) != std::string::npos;
    });
  }
  bool asks(std::string_view provider) const { return metric.provider == provider; }

  std::vector<ConditionRef> conditions() const {
    std::vector<ConditionRef> all;
    for (auto [field, text] : {std::pair{"successCondition", &metric.success_condition},
                               std::pair{"failureCondition", &metric.failure_condition}}) {
      const json::Object* object = written.value.if_object();
      const json::Value* raw = object ? object->if_contains(field) : nullptr;
      if (!text->empty() && raw && raw->is_string()) all.push_back({field, text, std::string(raw->get_string())});
    }
    return all;
  }
};

// What can be said of a condition for the kind of result that the query gives.
std::optional<bool> strictly(const std::string& text, const expr::Value& result) {
  auto condition = expr::Condition::parse(text, expr::Dialect::kArgo);
  if (!condition) return std::nullopt;
  auto truth = condition->holds(result, {.unwrap_single = false, .now = Nanos(0)});
  return truth ? std::optional(*truth) : std::nullopt;
}

// A Job goes by its own result, a canary judge by its thresholds, and what a plugin does with a condition is its own.
bool goes_by_conditions(const Context& c) { return !c.asks("job") && !c.asks("kayenta") && !c.asks("plugin"); }

void check_conditions_exist(Context& c) {
  if (c.asks("job"))
    for (const ConditionRef& condition : c.conditions())
      c.warn(condition.field, "the metric is a Job, and has a condition",
             "a Job goes by its own result: no condition is looked at");
  if (!c.conditions().empty() || !goes_by_conditions(c) || c.metric.provider.empty()) return;
  c.warn("", "the metric has neither a successCondition nor a failureCondition",
         "every measurement is Successful, whatever it shows (its documentation says Inconclusive)",
         "successCondition: result[0] < 0.01");
}

// YAML takes `all(result, # < 1)` for `all(result,` and a comment.
std::string advice_for(std::string_view written) {
  bool cut = written.ends_with(',') || written.ends_with('(') || written.ends_with('{');
  return cut ? "put the condition in quotes: in YAML a # behind a space begins a comment" : "";
}

void check_conditions_parse(Context& c) {
  if (!goes_by_conditions(c)) return;
  for (const ConditionRef& condition : c.conditions()) {
    auto parsed = expr::Condition::parse(*condition.text, expr::Dialect::kArgo);
    if (parsed) continue;
    std::string beyond = beyond_ordeal(*condition.text);
    if (beyond.empty() && c.asks("prometheus")) {
      c.add(Severity::kError, condition.field, parsed.error().message(), kAlwaysError, advice_for(condition.written));
      continue;
    }
    std::string why = beyond.empty() ? parsed.error().message() : "its language has no " + beyond;
    c.warn(condition.field, fmt::format("a limit of Ordeal's, not of Argo's: it cannot read the condition: {}", why));
  }
}

// Argo's validation takes a limit that equals the count.
void check_limits_can_be_reached(Context& c) {
  auto count = effective_count(c.metric);
  if (!count || c.metric.consecutive_success_limit.value_or(0) > 0) return;
  for (auto [field, limit, phase] : {std::tuple{"failureLimit", c.metric.failure_limit, "Failed"},
                                     std::tuple{"inconclusiveLimit", c.metric.inconclusive_limit, "Inconclusive"}}) {
    if (limit.value_or(0) < *count || c.is_guessed("count") || c.is_guessed(field)) continue;
    c.warn(field,
           fmt::format("the metric can never be {}: it is measured {} and {} of {} lets as many pass", phase,
                       *count == 1 ? "once" : fmt::format("{} times", *count), field, *limit),
           fmt::format("with every measurement {} the run is Successful, and the new version is promoted", phase),
           fmt::format("{}: {}, or a larger count", field, *count - 1));
  }
}

// What `ordeal analysis` and a run could not do with it.
void check_provider_is_known(Context& c) {
  if (c.metric.provider.empty() || c.asks("several") || c.asks("prometheus")) return;
  c.warn(
      "provider." + c.metric.provider,
      fmt::format("a limit of Ordeal's, not of Argo's: it knows no provider but prometheus, and neither looks into {} "
                  "nor measures it",
                  c.metric.provider));
}

void check_query_kind(Context& c) {
  if (c.query && c.query->kind() == ValueKind::kString)
    c.add(Severity::kError, "provider.prometheus.query", "the query gives a text, which no condition can compare",
          kAlwaysError);
}

void check_bare_result(Context& c) {
  bool list = c.query && (c.query->kind() == ValueKind::kVector || c.query->kind() == ValueKind::kMatrix);
  if (!list) return;
  for (const ConditionRef& condition : c.conditions()) {
    auto parsed = expr::Condition::parse(*condition.text, expr::Dialect::kArgo);
    if (!parsed || !parsed->uses_bare_result()) continue;
    c.warn(condition.field,
           fmt::format("\"{}\" compares the list that the query gives with a number", condition.written),
           std::string("mismatched types []float64 and float64: ") + kAlwaysError + ", though the system is healthy",
           fmt::format("{}: {}", condition.field, index_bare_results(condition.written)));
  }
}

void check_scalar_index(Context& c) {
  if (!c.query || c.query->kind() != ValueKind::kScalar) return;
  for (const ConditionRef& condition : c.conditions()) {
    bool parses = expr::Condition::parse(*condition.text, expr::Dialect::kArgo).has_value();
    if (parses && !strictly(*condition.text, expr::Value(0.5)))
      c.warn(condition.field, fmt::format("\"{}\" does not fit the number that the query gives", condition.written),
             kAlwaysError, "compare `result` itself");
  }
}

void check_default(Context& c) {
  if (!c.asks("prometheus")) return;
  for (const ConditionRef& condition : c.conditions())
    if (condition.text->find("default(") != std::string::npos || condition.text->find("isNil(") != std::string::npos)
      c.warn(condition.field, "default() and isNil() look at the whole result, whatever stands in their parentheses",
             "a Prometheus result is never nil: default(x, y) is always the result, and an empty one is an Error",
             fmt::format("{}: len(result) == 0 || {}", condition.field, "result[0] < 0.01"));
}

// What stands in for a missing reading in each condition.
std::string tolerant(const ConditionRef& condition, bool empty, bool nan) {
  bool success = std::string_view(condition.field) == "successCondition";
  std::string text = index_bare_results(condition.written);
  if (success)
    return fmt::format("{}: {}{}{}", condition.field, empty ? "len(result) == 0 || " : "",
                       nan ? "isNaN(result[0]) || " : "", text.find('?') == text.npos ? text : grouped(text));
  return fmt::format("{}: len(result) > 0 && {}", condition.field, grouped(text));
}

void check_no_data(Context& c) {
  if (!c.query || c.query->kind() != ValueKind::kVector || never_empty(*c.query)) return;
  bool ratio = is_ratio(*c.query);
  for (const ConditionRef& condition : c.conditions()) {
    std::string indexed = index_bare_results(*condition.text);
    if (!expr::Condition::parse(indexed, expr::Dialect::kArgo)) continue;
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    bool empty = !strictly(indexed, expr::Value(expr::List{}));
    bool success = std::string_view(condition.field) == "successCondition";
    bool nan = ratio && success && strictly(indexed, expr::Value(expr::List{kNaN})) == false;
    if (!empty && !nan) continue;
    std::string argo = empty ? "an empty result is an Error (no data returned from the metric provider)" : "";
    if (nan) argo += std::string(empty ? "; " : "") + "NaN compares false, so the measurement is Failed";
    if (ratio)
      c.warn(
          condition.field,
          "the query is a ratio: while nothing was ever counted above the line it gives no series at all, and without "
          "traffic it gives NaN",
          argo, tolerant(condition, empty, nan) + ", or `or vector(0)` behind the numerator");
    else
      c.warn(condition.field, "the query may give no series, and the condition has no answer to that", argo,
             tolerant(condition, true, false));
  }
}

void check_traps(Context& c) {
  if (!c.query) return;
  for (Trap& trap : traps_of(*c.query))
    c.warn("provider.prometheus.query", std::move(trap.what), "evaluated as written", std::move(trap.fix));
}

void check_interval(Context& c) {
  auto interval = parse_go_duration(c.metric.interval);
  if (c.metric.interval.empty() || !interval || *interval >= 1s) return;
  c.warn("interval", fmt::format("an interval of {} is shorter than a second", c.metric.interval),
         "times are kept in whole seconds: it measures without a pause", "interval: 1s");
}

using Rule = void (*)(Context&);
constexpr Rule kRules[] = {check_provider_is_known, check_conditions_exist,
                           check_conditions_parse,  check_limits_can_be_reached,
                           check_query_kind,        check_bare_result,
                           check_scalar_index,      check_default,
                           check_no_data,           check_traps,
                           check_interval};

// Something for what is not known, with which the rest can be read: a number, a duration, a name.
constexpr std::string_view kPlaceholders[] = {"1", "1m", "x"};

std::vector<Argument> filled(std::vector<Argument> args, std::string_view placeholder) {
  for (Argument& argument : args)
    if (!argument.value) argument.value = std::string(placeholder);
  return args;
}

bool readable(const Metric& metric) {
  for (const std::string* text : {&metric.success_condition, &metric.failure_condition})
    if (!text->empty() && !expr::Condition::parse(*text, expr::Dialect::kArgo) && beyond_ordeal(*text).empty())
      return false;
  return metric.provider != "prometheus" || promql::parse(metric.prometheus.query).has_value();
}

// The metric with what is not known filled in, so that as much as possible of it can be read.
Result<Metric> guess(const MetricTemplate& metric, const std::vector<Argument>& args) {
  for (std::string_view placeholder : kPlaceholders) {
    auto resolved = resolve_metric(metric, filled(args, placeholder));
    if (resolved && readable(*resolved)) return resolved;
  }
  return resolve_metric(metric, filled(args, kPlaceholders[0]));
}

void read_query(Context& c) {
  if (c.metric.provider != "prometheus") return;
  auto parsed = promql::parse(c.metric.prometheus.query);
  if (parsed) {
    c.query = std::move(*parsed);
    return;
  }
  // The Prometheus that is asked may know more than our parser.
  c.warn("provider.prometheus.query", "Ordeal cannot read the query: " + parsed.error().message(),
         std::string("where Prometheus cannot either, ") + kAlwaysError);
}

}  // namespace

// A comment would swallow the parenthesis that closes.
std::string grouped(const std::string& condition) {
  return fmt::format("({}{})", condition, condition.find("//") == std::string::npos ? "" : "\n");
}

std::string index_bare_results(std::string_view condition) {
  constexpr std::string_view kName = "result",
                             kWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  constexpr std::string_view kListTakers[] = {"len(",   "all(",  "any(",  "none(",  "one(",    "filter(", "map(",
                                              "count(", "sum(",  "min(",  "max(",   "mean(",   "median(", "sort(",
                                              "first(", "last(", "find(", "isNil(", "default("};
  std::string out;
  for (size_t at = 0; at < condition.size();) {
    size_t found = condition.find(kName, at);
    if (found == std::string_view::npos) return out + std::string(condition.substr(at));
    size_t end = found + kName.size();
    out += condition.substr(at, end - at);
    at = end;
    bool whole_word = (found == 0 || kWord.find(condition[found - 1]) == std::string_view::npos) &&
                      (end == condition.size() || kWord.find(condition[end]) == std::string_view::npos);
    size_t next = condition.find_first_not_of(' ', end);
    bool indexed = next != std::string_view::npos && (condition[next] == '[' || condition[next] == '.');
    size_t previous = condition.substr(0, found).find_last_not_of(' ');
    std::string_view before = condition.substr(0, previous == std::string_view::npos ? 0 : previous + 1);
    bool list = std::any_of(std::begin(kListTakers), std::end(kListTakers),
                            [&](std::string_view taker) { return before.ends_with(taker); });
    bool in_list = before.ends_with(" in");
    if (whole_word && !indexed && !list && !in_list) out += "[0]";
  }
  return out;
}

void lint_metric(const Template& owner, const MetricTemplate& metric, const std::vector<Argument>& args,
                 std::vector<Finding>& findings) {
  auto resolved = guess(metric, args);
  if (!resolved) {
    findings.push_back(finding_of(owner.file, resolved.error()));
    return;
  }
  Context context{owner, metric, args, std::move(*resolved), nullptr, findings};
  if (auto valid = validate_in_argo(context.metric); !valid) findings.push_back(finding_of(owner.file, valid.error()));
  read_query(context);
  for (Rule rule : kRules) rule(context);
}

}  // namespace ordeal::argo
