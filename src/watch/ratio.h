// A ratio of errors has no value while no error was ever counted: there is no numerator yet, and PromQL gives an empty
// vector. Where the denominator has a value above 0, traffic flows and the ratio is 0 (facts: the brief's own error
// rate is such a query). Pure.
#pragma once

#include "model/seams.h"
#include "promql/ast.h"

namespace ordeal::watch {

// The right side of a division at the top of the query, or nullptr.
const promql::Expr* denominator_of(const promql::Expr& query);

// What an empty ratio means when its denominator was seen as `denominator`: 0, or still no data.
Observation judge_empty_ratio(const Observation& empty, const Observation& denominator);

}  // namespace ordeal::watch
