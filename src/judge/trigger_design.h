// TriggerDesign: what a breach of an expectation can be noticed by sooner than its query's own window allows, found in
// the shape of query and condition. Pure, and sure of what it finds: what is not exactly one of these shapes is judged
// by the expression alone.
//
//   sum(rate(A[W])) / sum(rate(B[W])) < t     an event of B is bad when A counts it too; a share of t may be bad
//   … > t,   1 - a / b,   100 * a / b         the same turned round and scaled; sums of rates and `or vector(0)` too
//   histogram_quantile(q, rate(X_bucket[W])) < t     an event is bad when it is above t; a share of 1 - q may be bad
//   (all of them also by or without labels: each group is then counted for itself)
//   an expression without a range             a gauge: it has no noise of sampling, and needs no window
// Of a quantile: p95 > L is the same as "more than 5 % take longer than L".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/expr/condition.h"
#include "core/model/input/experiment.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::judge {

// Counters that are added up (sign 1) or taken away (sign -1).
struct CountedTerm {
  std::vector<promql::Matcher> matchers;
  double sign = 1;
};

struct CountDesign {
  std::vector<CountedTerm> total;
  // Of these events a part is bad:
  std::vector<CountedTerm> bad;  // those that are counted here too; with `latency` empty
  // those that fell above this bound of a classic histogram, whose buckets are `total` (in the metric's unit)
  std::optional<double> latency;
  double allowed = 0;  // the share that may be bad, in (0, 1)
  // One count for each set of these labels (by), or of all others (without).
  bool without = false;
  std::vector<std::string> labels;
};

struct TriggerDesign {
  enum class Signal { kCounts, kGauge, kExpression };
  Signal kind = Signal::kExpression;
  CountDesign counts;  // of kCounts
  // For a person: what is counted, or why nothing is. "more than 1 % of http_requests_total are
  // http_requests_total{status=~"5.."}"
  std::string text;
};

const char* to_text(TriggerDesign::Signal kind);  // "counts", "gauge", "expression"

TriggerDesign design_trigger(const promql::Expr& query, const expr::Condition& condition);
// kExpression for a probe, with `fast: false`, and for a query that only a real Prometheus knows.
TriggerDesign design_trigger(const Expectation& expectation);

}  // namespace ordeal::judge
