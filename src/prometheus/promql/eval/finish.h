// From what the evaluator computed to what callers see: label sets instead of numbers, dropped names gone, order and
// uniqueness. Internal to src/prometheus/promql.
#pragma once

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

Result<QueryResult> instant_result(const Expr& expr, const Value& value, const LabelTable& table);

// The steps of a range query, put together by labels.
class RangeResult {
 public:
  // The table must outlive this.
  explicit RangeResult(LabelTable& table) : table_(table) {}

  // Scalar or vector; steps come in the order of time.
  Result<> add(const Value& value, int64_t at_ms);
  QueryResult take();

 private:
  Result<> add(LabelsId labels, double value, int64_t at_ms);

  LabelTable& table_;
  Memo places_;  // in series_, by LabelsId
  std::vector<MatrixSeries> series_;
};

Unexpected same_labels(LabelsView labels);

}  // namespace ordeal::promql
