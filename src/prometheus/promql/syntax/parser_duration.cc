// Durations and what may be computed with them.
#include <fmt/format.h>

#include "prometheus/promql/syntax/duration.h"
#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/parse_state.h"

namespace ordeal::promql {
namespace {

using Op = DurationTree::Op;

struct DurationOperator {
  std::string_view symbol;
  Op op;
  int binding;
};

constexpr int kSign = 2;
constexpr int kPower = 3;
constexpr DurationOperator kDurationOperators[] = {{"+", Op::kAdd, 1},     {"-", Op::kSub, 1},
                                                   {"*", Op::kMul, kSign}, {"/", Op::kDiv, kSign},
                                                   {"%", Op::kMod, kSign}, {"^", Op::kPow, kPower}};

DurationTreePtr node(Op op, DurationTreePtr left, DurationTreePtr right) {
  return std::make_shared<const DurationTree>(DurationTree{op, 0, std::move(left), std::move(right)});
}

}  // namespace

// Within brackets and parentheses: the whole arithmetic.
Result<DurationTreePtr> ParseState::parse_duration_sum(int least_binding) {
  DurationTreePtr left = TRY(parse_duration_sign(least_binding));
  for (;;) {
    auto at_it = [this](const DurationOperator& candidate) { return at_symbol(candidate.symbol); };
    const auto* found = std::find_if(std::begin(kDurationOperators), std::end(kDurationOperators), at_it);
    if (found == std::end(kDurationOperators) || found->binding < least_binding) return left;
    take();
    int right_binding = found->op == Op::kPow ? kPower : found->binding + 1;
    left = node(found->op, std::move(left), TRY(parse_duration_sum(right_binding)));
  }
}

Result<DurationTreePtr> ParseState::parse_duration_sign(int least_binding) {
  bool minus = at_symbol("-");
  if (!minus && !at_symbol("+")) return parse_duration_operand();
  take();
  TRY_VOID(go_deeper());
  DurationTreePtr operand = TRY(parse_duration_sum(std::max(least_binding, kPower)));
  --depth_;
  return node(minus ? Op::kSub : Op::kAdd, nullptr, std::move(operand));
}

Result<DurationTreePtr> ParseState::parse_duration_operand() {
  bool literal = token().kind == TokenKind::kNumber || token().kind == TokenKind::kDuration;
  if (literal && !duration_of_seconds(token().number)) return fail_here(token().at, "the duration is out of range");
  if (literal) return std::make_shared<const DurationTree>(DurationTree{Op::kNumber, take().number, nullptr, nullptr});
  TRY_VOID(go_deeper());
  DurationTreePtr tree;
  if (take_symbol("(")) {
    tree = TRY(parse_duration_sum(0));
    TRY_VOID(need_symbol(")", "to close the parenthesis"));
  } else if (at_keyword("step") || at_keyword("range")) {
    tree = node(take().string == "step" ? Op::kStep : Op::kRange, nullptr, nullptr);
    TRY_VOID(need_symbol("(", "after step or range"));
    TRY_VOID(need_symbol(")", "after step( or range("));
  } else if (at_keyword("min_of") || at_keyword("max_of")) {
    Op op = take().string == "min_of" ? Op::kMin : Op::kMax;
    TRY_VOID(need_symbol("(", "after min_of or max_of"));
    DurationTreePtr left = TRY(parse_duration_sum(0));
    TRY_VOID(need_symbol(",", "between two durations"));
    tree = node(op, std::move(left), TRY(parse_duration_sum(0)));
    TRY_VOID(need_symbol(")", "to close min_of or max_of"));
  } else {
    return unexpected("a duration such as 5m");
  }
  --depth_;
  return tree;
}

Result<> ParseState::go_deeper() {
  constexpr int kMostDepth = 100;
  if (++depth_ > kMostDepth) return fail_here(token().at, "the query is more than 100 levels deep");
  return {};
}

Result<Duration> ParseState::duration_of(DurationTreePtr tree, size_t at, bool any_sign) const {
  if (!tree->constant()) return Duration(std::move(tree));
  auto seconds = tree->evaluate(0, 0);
  if (!seconds) return fail_here(at, seconds.error().what);
  auto ms = duration_ms(*seconds, any_sign);
  if (!ms) return fail_here(at, ms.error().what);
  return Duration(*ms);
}

Result<Duration> ParseState::parse_positive_duration() {
  size_t at = token().at;
  return duration_of(TRY(parse_duration_sum(0)), at, false);
}

// After `offset`: one operand with at most a sign, so that `offset 2 + x` is (offset 2) + x; but what begins with a
// parenthesis goes on, as in Prometheus: `offset (2) * 3` is (offset 6).
Result<Duration> ParseState::parse_offset_duration() {
  size_t at = token().at;
  if (at_symbol("(")) return duration_of(TRY(parse_duration_sum(0)), at, true);
  bool minus = at_symbol("-");
  if (minus || at_symbol("+")) take();
  DurationTreePtr operand = TRY(parse_duration_operand());
  if (minus) operand = node(Op::kSub, nullptr, std::move(operand));
  return duration_of(std::move(operand), at, true);
}

}  // namespace ordeal::promql
