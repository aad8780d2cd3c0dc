// Assessment: when a metric, and with it the run, has ended, and how. Pure functions of what was measured.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "argo/objects/metric.h"
#include "argo/run/measurement.h"
#include "argo/run/phase.h"

namespace ordeal::argo {

struct MetricResult {
  std::string name;
  Phase phase = Phase::kPending;
  std::string message;
  int64_t count = 0;  // of all but errors
  int64_t successful = 0, failed = 0, inconclusive = 0, error = 0;
  int64_t consecutive_error = 0, consecutive_success = 0;
  bool dry_run = false;
  bool in_flight = false;                 // a measurement is under way
  std::vector<Measurement> measurements;  // the last ones
  std::string query;                      // its metadata ResolvedPrometheusQuery
};

// Counts a measurement and keeps at most `kept` of them.
void take_in(MetricResult& result, Measurement measurement, size_t kept);

// Absent without a count: the metric is measured until something ends it.
std::optional<int64_t> effective_count(const Metric& metric);

// The limits that are exceeded. The later of Failed, Inconclusive and Error counts.
struct Violation {
  Phase phase;
  std::string reason;  // "failed (1) > failureLimit (0)"
};
std::optional<Violation> violation_of(const Metric& metric, const MetricResult& result);

Phase assess_metric(const Metric& metric, const MetricResult& result, bool terminating);

// Metrics by index; those that were not measured yet have no measurements.
struct RunState {
  const std::vector<Metric>& metrics;
  std::vector<MetricResult>& results;
  bool terminate = false;  // spec.terminate
};
// By the spec, or by a metric that ended badly and is no dry run.
bool is_terminating(const std::vector<MetricResult>& results, bool terminate);

struct RunAssessment {
  Phase phase = Phase::kRunning;
  std::string message;
};
// Sets the phases and messages of the results, too. `measured` says whether a metric was begun at all.
RunAssessment assess_run(RunState state);

}  // namespace ordeal::argo
