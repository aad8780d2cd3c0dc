// Aggregations of a vector by groups of labels. Internal to src/prometheus/promql.
#pragma once

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

// `parameter` is what the aggregation's parameter evaluated to; null when it has none.
Result<Value> apply_aggregate(const Aggregate& aggregate, const Value* parameter, Vector vector, int64_t at_ms,
                              LabelSpace& labels);

}  // namespace ordeal::promql
