#include "prometheus/promql/syntax/duration.h"

#include <fmt/format.h>

#include <cmath>

#include "prometheus/promql/syntax/literals.h"

namespace ordeal::promql {
namespace {

using Op = DurationTree::Op;

constexpr std::string_view kSymbols[] = {"", "step()", "range()", "min_of", "max_of", "+", "-", "*", "/", "%", "^"};

Result<double> combine(Op op, double a, double b) {
  if ((op == Op::kDiv || op == Op::kMod) && b == 0) return fail(Errc::kInvalidInput, "a duration is divided by zero");
  switch (op) {
    case Op::kMin:
      return std::min(a, b);
    case Op::kMax:
      return std::max(a, b);
    case Op::kAdd:
      return a + b;
    case Op::kSub:
      return a - b;
    case Op::kMul:
      return a * b;
    case Op::kDiv:
      return a / b;
    case Op::kMod:
      return std::fmod(a, b);
    default:
      return std::pow(a, b);
  }
}

}  // namespace

bool DurationTree::constant() const {
  return op != Op::kStep && op != Op::kRange && (!left || left->constant()) && (!right || right->constant());
}

Result<double> DurationTree::evaluate(double step_seconds, double range_seconds) const {
  if (op == Op::kNumber) return seconds;
  if (op == Op::kStep) return step_seconds;
  if (op == Op::kRange) return range_seconds;
  double b = TRY(right->evaluate(step_seconds, range_seconds));
  if (!left) return op == Op::kSub ? -b : b;
  return combine(op, TRY(left->evaluate(step_seconds, range_seconds)), b);
}

std::string DurationTree::text() const {
  std::string_view symbol = kSymbols[static_cast<size_t>(op)];
  if (op == Op::kNumber) return fmt::format("{}", seconds);
  if (op == Op::kStep || op == Op::kRange) return std::string(symbol);
  if (!left) return fmt::format("({}{})", symbol, right->text());
  if (op == Op::kMin || op == Op::kMax) return fmt::format("{}({}, {})", symbol, left->text(), right->text());
  return fmt::format("({} {} {})", left->text(), symbol, right->text());
}

Result<int64_t> Duration::ms_in(int64_t step_ms, int64_t range_ms, bool any_sign) const {
  if (constant()) return ms_;
  auto seconds = [](int64_t ms) { return static_cast<double>(ms) / 1000; };
  return duration_ms(TRY(tree_->evaluate(seconds(step_ms), seconds(range_ms))), any_sign);
}

std::string Duration::text() const { return tree_ ? tree_->text() : promql_duration_text(ms_); }

std::string Duration::offset_text() const {
  std::string whole = text();
  if (!whole.starts_with('(')) return whole;
  bool minus = tree_->op == Op::kSub && !tree_->left;
  return minus ? "-" + tree_->right->text() : "+" + whole;
}

Result<int64_t> duration_ms(double seconds, bool any_sign) {
  if (!std::isfinite(seconds)) return fail(Errc::kInvalidInput, "the duration is NaN or infinite");
  if (seconds <= 0 && !any_sign) return fail(Errc::kInvalidInput, "the duration must be greater than 0");
  auto ms = duration_of_seconds(std::abs(seconds));
  if (!ms) return fail(Errc::kInvalidInput, "the duration is out of range");
  return seconds < 0 ? -*ms : *ms;
}

}  // namespace ordeal::promql
