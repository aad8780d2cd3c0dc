// Evaluation of a parsed query over a Storage, with the semantics of Prometheus 3.x: instant selectors take the newest
// sample in (t - lookback, t], ranges are left-open, rates extrapolate. Pure: the time is a parameter.
// Fails with kInvalidInput where Prometheus does ("many-to-many matching not allowed"): such faults depend on the data.
#pragma once

#include <limits>

#include "core/base/clock.h"
#include "prometheus/promql/eval/result.h"
#include "prometheus/promql/store/storage.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::promql {

struct EvalOptions {
  int64_t lookback_ms = 5 * 60 * 1000;
  int64_t default_step_ms = 60 * 1000;  // of a subquery that names none
  // Names are dropped at the end of the query instead of by each function (Prometheus' promql-delayed-name-removal).
  bool delayed_name_removal = false;
  // Samples that one step of a query may touch; more is an error.
  size_t most_samples = 10'000'000;
  // Samples and series that all steps together may touch; more is an error. A million takes some milliseconds.
  size_t most_work = std::numeric_limits<size_t>::max();
};

// The step of a subquery that names none, over what Ordeal scrapes that often: the interval, and at least a second. An
// attack may be over within the minute that Prometheus takes (its global evaluation interval).
int64_t scraped_step_ms(Nanos interval);

Result<QueryResult> eval_instant(const Expr& expr, const Storage& storage, int64_t at_ms,
                                 const EvalOptions& options = {});
// The expression at from, from + step, ..., up to `to`: a matrix. Only scalars and vectors have ranges.
Result<QueryResult> eval_range(const Expr& expr, const Storage& storage, int64_t from_ms, int64_t to_ms,
                               int64_t step_ms, const EvalOptions& options = {});

}  // namespace ordeal::promql
