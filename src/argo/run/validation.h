// Validation: what Argo refuses of metrics, of rules, and of analyses that must come to an end. One
// error at a time, in Argo's words, with line and field.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "argo/objects/metric.h"
#include "argo/objects/rollout.h"

namespace ordeal::argo {

Result<> validate_metrics(const std::vector<Metric>& metrics);
Result<> validate_metric(const Metric& metric);
// Without what Ordeal alone refuses: other providers than prometheus.
Result<> validate_in_argo(const Metric& metric);

// The names of the metrics that a rule matches, anywhere in the name; a rule that matches none is an error.
Result<std::set<std::string>> matching(const std::vector<MetricRule>& rules, const std::vector<Metric>& metrics,
                                       std::string_view kind);
// How many measurements are kept of each metric: 10, or what the last rule that matches it says.
Result<std::vector<size_t>> retention_of(const std::vector<MetricRule>& rules, const std::vector<Metric>& metrics);

// An inline, pre- or post-promotion analysis must be finite.
Result<> validate_finite(const Metric& metric, std::string_view template_name);

// Steps, weights and pauses.
Result<> validate_rollout(const Rollout& rollout);

}  // namespace ordeal::argo
