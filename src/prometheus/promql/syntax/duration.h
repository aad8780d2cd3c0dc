// A duration of a query: 5m, 300, or computed: 2 * 5m, max_of(step(), 10s). What is computed from numbers is a number
// from the start; only step() and range() of the query wait for the evaluation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace ordeal::promql {

struct DurationTree {
  // With both sides, or with `right` alone: a sign.
  enum class Op { kNumber, kStep, kRange, kMin, kMax, kAdd, kSub, kMul, kDiv, kMod, kPow };
  Op op = Op::kNumber;
  double seconds = 0;  // kNumber
  std::shared_ptr<const DurationTree> left;
  std::shared_ptr<const DurationTree> right;

  // Its value is the same in every query.
  bool constant() const;
  // In seconds. Fails on a division by zero.
  Result<double> evaluate(double step_seconds, double range_seconds) const;
  // With parentheses around whatever has two sides.
  std::string text() const;
};
using DurationTreePtr = std::shared_ptr<const DurationTree>;

class Duration {
 public:
  Duration(int64_t ms = 0) : ms_(ms) {}  // NOLINT: a number is a duration
  explicit Duration(DurationTreePtr tree) : tree_(std::move(tree)) {}

  bool constant() const { return !tree_; }
  // Of a constant one, in milliseconds.
  int64_t ms() const { return ms_; }
  // In a query of that step and range (both 0 in an instant query). Fails when it is infinite, out of the range of a
  // duration or, unless `any_sign`, not above 0.
  Result<int64_t> ms_in(int64_t step_ms, int64_t range_ms, bool any_sign) const;
  std::string text() const;
  // As it stands after `offset`, where a parenthesis would be taken together with what follows it: `offset (2) * 3`.
  std::string offset_text() const;
  bool operator==(const Duration& other) const { return text() == other.text(); }

 private:
  int64_t ms_ = 0;
  DurationTreePtr tree_;
};

// Whole milliseconds; fails as Duration::ms_in() does.
Result<int64_t> duration_ms(double seconds, bool any_sign);

}  // namespace ordeal::promql
