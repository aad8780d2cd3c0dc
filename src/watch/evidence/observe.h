// From a query's result to an Observation, by the rules for missing data: a NaN element beside good ones is dropped
// and named; nothing but NaN is kNaN; an empty vector is kNoSuchSeries, or kStale when series were there and ended.
// Pure.
#pragma once

#include "core/model/seams.h"
#include "prometheus/promql/eval/result.h"
#include "prometheus/promql/store/storage.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::watch {

Observation observe(const promql::QueryResult& result);
// Says why the result is empty, by a look at the series that the query selects at `at_ms`.
Observation explain_empty(const promql::Expr& query, const promql::Storage& storage, int64_t at_ms);

// "route=/pay, pod=a", without the metric's name.
std::string element_name(const promql::Labels& labels);

Observation one_value(double value);
Observation trouble(Observation::Outcome kind, std::string error);

}  // namespace ordeal::watch
