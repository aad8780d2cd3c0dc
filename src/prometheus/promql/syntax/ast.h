// The syntax tree of PromQL. Built by parse() only, which also checks types, so that a tree is well-formed.
// A tree prints as text that parses back to an equal tree (printer.h). Durations are milliseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "prometheus/promql/eval/result.h"
#include "prometheus/promql/syntax/duration.h"
#include "prometheus/promql/syntax/matcher.h"

namespace ordeal::promql {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;
struct FunctionSpec;

// clang-format off
enum class BinaryOp { kAdd, kSub, kMul, kDiv, kMod, kPow, kAtan2, kEqual, kNotEqual, kGreater, kLess, kGreaterEqual,
                      kLessEqual, kAnd, kOr, kUnless };
enum class AggregateOp { kSum, kAvg, kMin, kMax, kCount, kGroup, kStddev, kStdvar, kTopk, kBottomk, kQuantile,
                         kCountValues };
// clang-format on

std::string_view symbol(BinaryOp op);
std::string_view symbol(AggregateOp op);
bool is_comparison(BinaryOp op);
bool is_set(BinaryOp op);

// `offset` and `@` of a selector or subquery.
struct TimeShift {
  enum class At { kNone, kTime, kStart, kEnd };
  Duration offset;
  At at = At::kNone;
  int64_t at_ms = 0;  // kTime
  bool operator==(const TimeShift&) const = default;
};

struct NumberLiteral {
  double value = 0;
};

struct StringLiteral {
  std::string value;
};

struct VectorSelector {
  std::string name;  // also among the matchers; "" when not given
  std::vector<Matcher> matchers;
  TimeShift shift;
};

struct MatrixSelector {
  VectorSelector selector;  // its shift is the range's
  Duration range;
};

struct Subquery {
  ExprPtr expr;
  Duration range;
  std::optional<Duration> step;
  TimeShift shift;
};

struct Paren {
  ExprPtr expr;
};

struct Unary {
  bool minus = false;
  ExprPtr expr;
};

struct VectorMatching {
  enum class Card { kOneToOne, kManyToOne, kOneToMany };  // group_left, group_right; the left side is the first "many"
  Card card = Card::kOneToOne;
  bool on = false;  // else ignoring
  std::vector<std::string> labels;
  std::vector<std::string> include;  // of group_left(...), group_right(...)
  bool operator==(const VectorMatching&) const = default;
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  bool return_bool = false;
  bool matching_given = false;  // on or ignoring was written
  VectorMatching matching;
  ExprPtr left;
  ExprPtr right;
};

struct Aggregate {
  AggregateOp op = AggregateOp::kSum;
  bool without = false;
  std::vector<std::string> labels;
  ExprPtr parameter;  // of topk, bottomk, quantile, count_values; else null
  ExprPtr expr;
};

struct Call {
  const FunctionSpec* function = nullptr;  // in the function table: never null
  std::vector<ExprPtr> arguments;
};

struct Expr {
  using Node = std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Paren, Unary,
                            Binary, Aggregate, Call>;
  size_t at = 0;   // offset in the text of the query, for messages
  int height = 1;  // levels of the tree from here down
  Node node;

  ValueKind kind() const;
};

// Of the function that is called.
std::string_view name_of(const Call& call);
// The same query, wherever it was written.
bool same(const Expr& a, const Expr& b);
// Without parentheses around it.
const Expr& inner(const Expr& expr);
// The nodes right below, from left to right.
std::vector<const Expr*> children(const Expr& expr);

}  // namespace ordeal::promql
