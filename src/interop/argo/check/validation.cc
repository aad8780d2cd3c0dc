#include "interop/argo/check/validation.h"

#include <fmt/format.h>

#include "core/base/duration.h"
#include "interop/argo/run/assessment.h"
#include "prometheus/promql/syntax/matcher.h"

namespace ordeal::argo {
namespace {

constexpr size_t kKept = 10;

Unexpected refuse(const json::Origin& origin, std::string_view field, const std::string& why) {
  return fail(Errc::kInvalidInput, fmt::format("line {}: {}: {}", line_in(origin, field), path_in(origin, field), why));
}

Result<> check_limits(const Metric& m) {
  int64_t success = m.consecutive_success_limit.value_or(0), failure = m.failure_limit.value_or(0);
  if (success < 0) return refuse(m.origin, "consecutiveSuccessLimit", "consecutiveSuccessLimit must be >= 0");
  if (failure < -1) return refuse(m.origin, "failureLimit", "failureLimit must be >= 0, or -1 to be disabled");
  if (success == 0 && failure == -1)
    return refuse(m.origin, "failureLimit", "failureLimit and consecutiveSuccessLimit cannot both be disabled");
  if (m.inconclusive_limit.value_or(0) < 0)
    return refuse(m.origin, "inconclusiveLimit", "inconclusiveLimit must be >= 0");
  if (m.consecutive_error_limit.value_or(0) < 0)
    return refuse(m.origin, "consecutiveErrorLimit", "consecutiveErrorLimit must be >= 0");
  return {};
}

Result<> check_count(const Metric& m) {
  int64_t count = m.count.value_or(0);
  int64_t success = m.consecutive_success_limit.value_or(0), failure = m.failure_limit.value_or(0);
  if (count <= 0) return {};
  if (failure >= 0 && count < failure + success)
    return refuse(
        m.origin, "count",
        fmt::format("count ({}) must be >= failureLimit + consecutiveSuccessLimit ({} + {})", count, failure, success));
  if (failure < 0 && count < success) return refuse(m.origin, "count", "count must be >= consecutiveSuccessLimit");
  if (count < m.inconclusive_limit.value_or(0)) return refuse(m.origin, "count", "count must be >= inconclusiveLimit");
  if (count > 1 && m.interval.empty()) return refuse(m.origin, "count", "interval must be specified when count > 1");
  return {};
}

Result<> check_durations(const Metric& m) {
  for (auto [field, text] : {std::pair<const char*, const std::string&>{"interval", m.interval},
                             std::pair<const char*, const std::string&>{"initialDelay", m.initial_delay}}) {
    auto length = text.empty() ? Result<Nanos>(Nanos(0)) : parse_go_duration(text);
    if (!length) return refuse(m.origin, field, fmt::format("invalid {}: {}", field, length.error().what));
  }
  return {};
}

Result<> check_provider(const Metric& m) {
  if (m.provider.empty()) return refuse(m.origin, "provider", "no provider specified");
  if (m.provider == "several") return refuse(m.origin, "provider", "multiple providers specified");
  return {};
}

// Go's regexp looks anywhere in the text, a Matcher at the whole of it.
Result<promql::Matcher> compile(const MetricRule& rule) {
  auto matcher = promql::Matcher::create(promql::MatchType::kRegex, "name", ".*(?:" + rule.pattern + ").*");
  if (!matcher) return refuse(rule.origin, "metricName", matcher.error().message());
  return matcher;
}

Result<> check_step(const CanaryStep& step, int64_t max_weight) {
  if (step.kind.empty()) return refuse(step.origin, "", "the step is empty");
  if (step.kind == "several")
    return refuse(step.origin, "", "a step is one of setWeight, pause, experiment and analysis, not several");
  if (step.weight && (*step.weight < 0 || *step.weight > max_weight))
    return refuse(step.origin, "setWeight",
                  fmt::format("setWeight must be between 0 and {}, found {}", max_weight, *step.weight));
  if (auto pause = pause_length(step); !pause) return refuse(step.origin, "pause.duration", pause.error().what);
  return {};
}

}  // namespace

Result<> validate_in_argo(const Metric& metric) {
  TRY_VOID(check_limits(metric));
  TRY_VOID(check_count(metric));
  TRY_VOID(check_durations(metric));
  return check_provider(metric);
}

Result<> validate_metric(const Metric& metric) {
  TRY_VOID(validate_in_argo(metric));
  if (metric.provider == "prometheus") return {};
  return refuse(metric.origin, "provider." + metric.provider,
                fmt::format("the provider \"{}\" is not supported by Ordeal, only prometheus is", metric.provider));
}

Result<> validate_metrics(const std::vector<Metric>& metrics) {
  if (metrics.empty()) return fail(Errc::kInvalidInput, "no metrics specified");
  std::set<std::string> names;
  for (const Metric& metric : metrics) {
    if (!names.insert(metric.name).second)
      return refuse(metric.origin, "name", fmt::format("duplicate name '{}'", metric.name));
    TRY_VOID(validate_metric(metric));
  }
  return {};
}

Result<std::set<std::string>> matching(const std::vector<MetricRule>& rules, const std::vector<Metric>& metrics,
                                       std::string_view kind) {
  std::set<std::string> names;
  for (const MetricRule& rule : rules) {
    promql::Matcher matcher = TRY(compile(rule));
    bool any = false;
    for (const Metric& metric : metrics) {
      if (!matcher.matches(metric.name)) continue;
      any = true;
      names.insert(metric.name);
    }
    if (!any)
      return refuse(rule.origin, "metricName",
                    fmt::format("the rule \"{}\" of {} matches no metric", rule.pattern, kind));
  }
  return names;
}

Result<std::vector<size_t>> retention_of(const std::vector<MetricRule>& rules, const std::vector<Metric>& metrics) {
  std::vector<size_t> kept(metrics.size(), kKept);
  for (const MetricRule& rule : rules) {
    auto names = TRY(matching({rule}, metrics, "measurementRetention"));
    for (size_t i = 0; i < metrics.size(); ++i)
      if (names.count(metrics[i].name)) kept[i] = rule.limit > 0 ? static_cast<size_t>(rule.limit) : kKept;
  }
  return kept;
}

Result<> validate_finite(const Metric& metric, std::string_view template_name) {
  if (effective_count(metric)) return {};
  return refuse(
      metric.origin, "interval",
      fmt::format("AnalysisTemplate {} has metric {} which runs indefinitely: it has an interval and no count",
                  template_name, metric.name));
}

Result<> validate_rollout(const Rollout& rollout) {
  for (const CanaryStep& step : rollout.steps) TRY_VOID(check_step(step, rollout.max_weight));
  return {};
}

}  // namespace ordeal::argo
