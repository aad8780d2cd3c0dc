// Prometheus' HTTP API over a Storage, so that Grafana, promtool and curl can ask Ordeal as they ask Prometheus:
// query, query_range, series, labels, label/NAME/values, metadata, status/buildinfo. Pure: a request in, an answer
// out; the server around it decodes the parameters. Bodies, error types and status codes are those of Prometheus 3.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/storage.h"

namespace ordeal::promapi {

// Of the query string and of a form body together, decoded, in their order.
using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  int status = 200;
  std::string body;  // application/json
};

struct Metadata {
  std::string type;  // "counter", ...
  std::string help;
};

// Points that one series of a query_range may have, as in Prometheus.
constexpr int64_t kMostPoints = 11'000;

class Api {
 public:
  // By the name of the metric.
  using MetadataMap = std::map<std::string, Metadata>;

  // The storage must outlive this, and so must the metadata; both may change between two answers.
  Api(const promql::Storage& storage, std::string version, const MetadataMap& metadata)
      : storage_(storage), version_(std::move(version)), metadata_(metadata) {}

  // Of a subquery that names none; Prometheus' minute unless set.
  void set_default_step(int64_t ms) { default_step_ms_ = ms; }

  // `path` from /api/v1/ on; `now_ms` is the time of a query that names none. 404 for what Prometheus has and this has
  // not.
  Answer answer(std::string_view path, const Parameters& parameters, int64_t now_ms) const;

 private:
  const promql::Storage& storage_;
  std::string version_;
  const MetadataMap& metadata_;
  int64_t default_step_ms_ = promql::EvalOptions{}.default_step_ms;
};

// Prometheus' time parameter: Unix seconds with a fraction, or RFC 3339. In milliseconds.
Result<int64_t> parse_time(std::string_view text);

}  // namespace ordeal::promapi
