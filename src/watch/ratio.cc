#include "watch/ratio.h"

#include <algorithm>

#include "watch/observe.h"

namespace ordeal::watch {

namespace {

using Kind = Observation::Kind;

bool failed(const Observation& seen) { return seen.kind == Kind::kError || seen.kind == Kind::kTimedOut; }

Observation side_failed(const char* side, const Observation& seen) {
  return trouble(seen.kind, std::string("the ratio is empty, and its ") + side + ": " + seen.error);
}

}  // namespace

std::optional<RatioSides> ratio_sides(const promql::Expr& query) {
  if (auto* paren = std::get_if<promql::Paren>(&query.node)) return ratio_sides(*paren->expr);
  auto* binary = std::get_if<promql::Binary>(&query.node);
  if (!binary || binary->op != promql::BinaryOp::kDiv) return std::nullopt;
  for (const auto* side : {binary->left.get(), binary->right.get()})
    if (side->kind() != promql::ValueKind::kVector) return std::nullopt;
  return RatioSides{binary->left.get(), binary->right.get()};
}

Observation judge_empty_ratio(const Observation& empty, const Observation& numerator, const Observation& denominator) {
  if (failed(numerator)) return side_failed("numerator", numerator);
  if (failed(denominator)) return side_failed("denominator", denominator);
  bool counted = numerator.kind == Kind::kValues || numerator.kind == Kind::kNaN;
  bool there = denominator.kind == Kind::kValues || denominator.kind == Kind::kNaN;
  if (counted && there)
    return trouble(Kind::kNoSuchSeries, "both sides of the division have series, and none of them match");
  bool flows = std::any_of(denominator.values.begin(), denominator.values.end(),
                           [](const auto& element) { return element.second > 0; });
  if (counted || !flows) return empty;
  Observation zero = one_value(0);
  zero.error = "the numerator has no series yet";
  return zero;
}

}  // namespace ordeal::watch
