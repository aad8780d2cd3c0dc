// Metric: one entry of spec.metrics of an AnalysisTemplate, an AnalysisRun or a ClusterAnalysisTemplate, with the
// arguments filled in. MetricTemplate is the same as it is written, with its {{args.…}}.
// Durations stay text, as in Argo, which looks into them only when it validates (run/validation.h). Of the providers
// only prometheus is known; the others are refused by name.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/json/reader.h"

namespace ordeal::argo {

struct RangeQuery {
  std::string start, end;  // expressions for a time
  std::string step;        // a Go duration
};

struct PrometheusProvider {
  std::string address;  // "" is the environment's
  std::string query;
  std::optional<int64_t> timeout;  // seconds
  bool insecure = false;           // the server's certificate is not checked
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<RangeQuery> range;
  std::string username, password;
  std::string foreign_login;  // "sigv4" or "oauth2", which Ordeal cannot do; "" is none
};

struct Metric {
  std::string name;
  std::string interval, initial_delay;  // Go durations; "" is none
  std::optional<int64_t> count;
  std::string success_condition, failure_condition;  // "" is none
  std::optional<int64_t> failure_limit, inconclusive_limit, consecutive_error_limit, consecutive_success_limit;
  std::string provider;  // the name of the only one, "" without any, "several" with more
  PrometheusProvider prometheus;
  json::Origin origin;
};

struct MetricTemplate {
  std::string name;
  json::Value value;
  json::Origin origin;
};

// Unknown keys are errors, also below the provider; everything else waits for the arguments.
Result<MetricTemplate> decode_metric_template(const json::Reader& reader);
// Of a metric whose arguments are filled in. Whole numbers may be text ("3"), as Kubernetes' IntOrString.
Result<Metric> decode_metric(const json::Reader& reader);

// "spec.metrics[0].name", for findings.
std::string path_in(const json::Origin& origin, std::string_view field);
// The line of a field, or of the nearest around it; 0 when nothing is known.
int line_in(const json::Origin& origin, std::string_view field);

}  // namespace ordeal::argo
