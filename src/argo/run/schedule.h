// Schedule: when a metric is measured next. Times are wall time since the Unix epoch.
#pragma once

#include <optional>

#include "argo/objects/metric.h"
#include "argo/run/assessment.h"
#include "base/clock.h"

namespace ordeal::argo {

constexpr Nanos kErrorRetry = 10s;  // whatever the interval

struct ScheduleState {
  std::optional<Nanos> run_started;  // set at the end of the first reconciliation
  bool terminating = false;
};

// Whether a measurement is to be begun at `now`.
bool is_due(const Metric& metric, const MetricResult& result, const ScheduleState& state, Nanos now);
// The earliest instant at which is_due() may become true by time alone; nothing means never.
std::optional<Nanos> next_due(const Metric& metric, const MetricResult& result, const ScheduleState& state);

}  // namespace ordeal::argo
