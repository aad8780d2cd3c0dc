#include "interop/argo/run/schedule.h"

#include <algorithm>

#include "core/base/duration.h"

namespace ordeal::argo {
namespace {

// So that the sum with a time of day cannot overflow.
Nanos bounded(Nanos gap) {
  constexpr Nanos kMost = std::chrono::hours(24 * 36525);
  return std::clamp(gap, -kMost, kMost);
}

// The gap after the last measurement; nothing when its text cannot be read.
std::optional<Nanos> gap_after(const Metric& metric, const Measurement& last) {
  if (last.phase == Phase::kError || metric.interval.empty()) return kErrorRetry;
  auto interval = parse_go_duration(metric.interval);
  return interval ? std::optional(bounded(*interval)) : std::nullopt;
}

// Of a metric that was never measured.
std::optional<Nanos> first_due(const Metric& metric, const ScheduleState& state) {
  if (metric.initial_delay.empty()) return Nanos::min();
  auto delay = parse_go_duration(metric.initial_delay);
  if (!delay || !state.run_started) return std::nullopt;
  return *state.run_started + bounded(*delay);
}

}  // namespace

std::optional<Nanos> next_due(const Metric& metric, const MetricResult& result, const ScheduleState& state) {
  if (completed(result.phase) || result.in_flight || state.terminating) return std::nullopt;
  if (result.measurements.empty()) return first_due(metric, state);
  auto count = effective_count(metric);
  if (count && result.count >= *count) return std::nullopt;
  auto gap = gap_after(metric, result.measurements.back());
  if (!gap) return std::nullopt;
  return result.measurements.back().finished + *gap + 1ns;  // strictly after
}

bool is_due(const Metric& metric, const MetricResult& result, const ScheduleState& state, Nanos now) {
  auto due = next_due(metric, result, state);
  return due && *due <= now;
}

}  // namespace ordeal::argo
