// A ratio of errors has no value while no error was ever counted: there is no numerator yet, and PromQL gives an empty
// vector. Where the denominator has a value above 0, traffic flows and the ratio is 0 (facts: the brief's own error
// rate is such a query). Only for a division of two vectors at the top of the query, and only while the numerator by
// itself is empty: sides that merely do not match, or x / 1000 without an x, stay without data. Pure.
#pragma once

#include <optional>

#include "model/seams.h"
#include "promql/syntax/ast.h"

namespace ordeal::watch {

struct RatioSides {
  const promql::Expr* numerator;
  const promql::Expr* denominator;
};
// Parts of `query`, or nullopt when it is no ratio.
std::optional<RatioSides> ratio_sides(const promql::Expr& query);

// What an empty ratio means when its sides were seen so: 0, or still no data, with the reason.
Observation judge_empty_ratio(const Observation& empty, const Observation& numerator, const Observation& denominator);

}  // namespace ordeal::watch
