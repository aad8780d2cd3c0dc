// Test helpers: a store filled from the notation of Prometheus' own tests, and results as text.
#pragma once

#include <string>
#include <string_view>

#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::promql::testing {

// Lines like  foo{a="b"} 1 2+3x4 _ stale : one value each `step_ms` from time 0; `_` is no sample.
void fill(SeriesStore& store, int64_t step_ms, std::string_view lines);
// What the query says at that time, as QueryResult::text() with all elements and twelve digits; or "error: ...".
std::string ask(const Storage& storage, std::string_view query, int64_t at_ms, const EvalOptions& options = {});

}  // namespace ordeal::promql::testing
