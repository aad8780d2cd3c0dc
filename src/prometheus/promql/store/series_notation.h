// The series notation of Prometheus' test files: `name{a="b"} 1 2+3x4 _ _x2 stale -Inf`. For tests and benchmarks.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "prometheus/promql/store/storage.h"

namespace ordeal::promql {

struct NotedSeries {
  // One value a step. kNative is a native histogram, written {{...}}: its content is not read.
  struct Step {
    enum class Form { kFloat, kOmitted, kNative };
    Form kind = Form::kFloat;
    double value = 0;
  };
  Labels labels;
  std::vector<Step> steps;
};

// `2+3x4` is 2 5 8 11 14; `2x3` is 2 2 2 2; `_x2` is a gap of two; `stale` is the stale marker.
// Fails with kInvalidInput, naming the word that is none of these.
Result<NotedSeries> parse_series_notation(std::string_view line);

}  // namespace ordeal::promql
