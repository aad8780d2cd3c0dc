#include "watch/ratio.h"

#include <algorithm>

#include "watch/observe.h"

namespace ordeal::watch {

const promql::Expr* denominator_of(const promql::Expr& query) {
  if (auto* paren = std::get_if<promql::Paren>(&query.node)) return denominator_of(*paren->expr);
  auto* binary = std::get_if<promql::Binary>(&query.node);
  return binary && binary->op == promql::BinaryOp::kDiv ? binary->right.get() : nullptr;
}

Observation judge_empty_ratio(const Observation& empty, const Observation& denominator) {
  bool flows = std::any_of(denominator.values.begin(), denominator.values.end(),
                           [](const auto& element) { return element.second > 0; });
  if (!flows) return empty;
  Observation zero = one_value(0);
  zero.error = "the numerator has no series yet";
  return zero;
}

}  // namespace ordeal::watch
