#include "argo/run/assessment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ordeal::argo {
namespace {

constexpr int64_t kStandardErrorLimit = 4;

struct Counter {
  Phase phase;
  int64_t MetricResult::*total;
};
constexpr std::array<Counter, 4> kCounters{{{Phase::kSuccessful, &MetricResult::successful},
                                            {Phase::kFailed, &MetricResult::failed},
                                            {Phase::kInconclusive, &MetricResult::inconclusive},
                                            {Phase::kError, &MetricResult::error}}};

// The count is reached and no limit is violated.
Phase at_count(const Metric& metric) {
  bool success_limit = metric.consecutive_success_limit.value_or(0) > 0;
  if (!success_limit) return Phase::kSuccessful;
  return metric.failure_limit.value_or(0) >= 0 ? Phase::kInconclusive : Phase::kFailed;
}

void set_phase(MetricResult& result, Phase phase) {
  if (result.phase == phase) return;
  result.phase = phase;
  if (!result.measurements.empty()) result.message = result.measurements.back().message;
}

// The worst metric that counts, and what is said of it.
struct Worst {
  std::optional<Phase> phase;
  std::string message;

  void add(const MetricResult& result, const std::optional<Violation>& violation) {
    if (phase && !is_worse(*phase, result.phase)) return;
    phase = result.phase;
    if (!violation) return;
    message = fmt::format("Metric \"{}\" assessed {} due to {}", result.name, to_text(result.phase), violation->reason);
    if (!result.message.empty()) message += fmt::format(": \"Error Message: {}\"", result.message);
  }

  void add_dry_run(MetricResult& result, const std::optional<Violation>& violation) {
    if (!phase) phase = Phase::kSuccessful;
    if (violation)
      result.message = fmt::format("Metric assessed {} due to {}", to_text(result.phase), violation->reason);
  }
};

}  // namespace

void take_in(MetricResult& result, Measurement measurement, size_t kept) {
  for (const Counter& counter : kCounters)
    if (counter.phase == measurement.phase) ++(result.*counter.total);
  bool error = measurement.phase == Phase::kError;
  result.count += error ? 0 : 1;
  result.consecutive_error = error ? result.consecutive_error + 1 : 0;
  result.consecutive_success = measurement.phase == Phase::kSuccessful ? result.consecutive_success + 1 : 0;
  result.measurements.push_back(std::move(measurement));
  if (result.measurements.size() > kept)
    result.measurements.erase(result.measurements.begin(), result.measurements.end() - static_cast<ptrdiff_t>(kept));
}

std::optional<int64_t> effective_count(const Metric& metric) {
  if (metric.count.value_or(0) != 0) return metric.count;
  return metric.interval.empty() ? std::optional<int64_t>(1) : std::nullopt;
}

std::optional<Violation> violation_of(const Metric& metric, const MetricResult& result) {
  std::optional<Violation> violation;
  auto check = [&](Phase phase, int64_t found, int64_t limit, std::string_view what, std::string_view name) {
    if (found > limit) violation = Violation{phase, fmt::format("{} ({}) > {} ({})", what, found, name, limit)};
  };
  int64_t failure_limit = metric.failure_limit.value_or(0);
  if (failure_limit >= 0) check(Phase::kFailed, result.failed, failure_limit, "failed", "failureLimit");
  check(Phase::kInconclusive, result.inconclusive, metric.inconclusive_limit.value_or(0), "inconclusive",
        "inconclusiveLimit");
  check(Phase::kError, result.consecutive_error, metric.consecutive_error_limit.value_or(kStandardErrorLimit),
        "consecutiveErrors", "consecutiveErrorLimit");
  return violation;
}

Phase assess_metric(const Metric& metric, const MetricResult& result, bool terminating) {
  if (completed(result.phase)) return result.phase;
  if (result.in_flight) return Phase::kRunning;
  if (result.measurements.empty()) return terminating ? Phase::kSuccessful : Phase::kPending;
  if (auto violation = violation_of(metric, result)) return violation->phase;
  int64_t success_limit = metric.consecutive_success_limit.value_or(0);
  if (success_limit > 0 && result.consecutive_success >= success_limit) return Phase::kSuccessful;
  auto count = effective_count(metric);
  if (count && result.count >= *count) return at_count(metric);
  return terminating ? Phase::kSuccessful : Phase::kRunning;
}

bool is_terminating(const std::vector<MetricResult>& results, bool terminate) {
  return terminate || std::any_of(results.begin(), results.end(), [](const MetricResult& result) {
           return !result.dry_run && completed(result.phase) && result.phase != Phase::kSuccessful;
         });
}

RunAssessment assess_run(RunState state) {
  bool terminating = is_terminating(state.results, state.terminate);
  bool all_completed = true;
  Worst worst;
  if (state.terminate) worst.message = "Run Terminated";
  for (size_t i = 0; i < state.metrics.size(); ++i) {
    MetricResult& result = state.results[i];
    bool begun = result.in_flight || !result.measurements.empty() || completed(result.phase);
    if (begun) set_phase(result, assess_metric(state.metrics[i], result, terminating));
    if (!begun || !completed(result.phase)) {
      all_completed = false;
      continue;
    }
    auto violation = violation_of(state.metrics[i], result);
    if (result.dry_run) worst.add_dry_run(result, violation);
    if (!result.dry_run) worst.add(result, violation);
  }
  if (terminating) return {worst.phase.value_or(Phase::kSuccessful), worst.message};
  if (!all_completed || !worst.phase) return {Phase::kRunning, ""};
  return {*worst.phase, worst.message};
}

}  // namespace ordeal::argo
