// Binary operators on evaluated operands: arithmetic, comparisons, sets and vector matching. Internal to
// src/prometheus/promql.
#pragma once

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

// `left` and `right` are scalars or vectors, as the parser made sure.
Result<Value> apply_binary(const Binary& binary, Value left, Value right, int64_t at_ms, const EvalOptions& options,
                           LabelSpace& labels);

}  // namespace ordeal::promql
