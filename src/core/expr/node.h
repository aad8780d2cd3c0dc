// The syntax tree of a condition, its operators and functions. Internal to src/expr.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/expr/condition.h"
#include "core/expr/value.h"

namespace ordeal::expr {

// clang-format off
enum class Op { kLiteral, kResult, kElement, kIndex, kCall, kPredicate, kConditional, kList, kNegate, kPlus, kNot,
                kOr, kAnd, kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kRange,
                kAdd, kSubtract, kMultiply, kDivide, kModulo, kPower };
// clang-format on

struct Scope {
  const Value& result;
  Dialect dialect = Dialect::kOrdeal;
  bool unwrap_single = false;
  std::optional<Nanos> now;
};

// What a message says where a list stands for a number.
inline constexpr std::string_view kAdvice = " (use result[0], len(result), min(result) or max(result))";

// How a function's arguments are evaluated.
enum class Form {
  kPlain,
  kDefault,    // default(), isNil(): their first argument may be without data
  kPredicate,  // all(list, # < 1): the second argument is evaluated for each element
};

struct Function {
  std::string_view name;
  Form form;
  size_t least_arguments;
  size_t most_arguments;
  std::vector<Type> types;  // of the arguments; the last one counts for all that follow
  Type returns;
  // Null where the evaluator itself knows the function.
  Result<Value> (*call)(std::span<const Value> arguments, const Scope& scope);
};
// Null when there is none of this name.
const Function* function_named(std::string_view name);
std::string function_names();

struct BinaryOperator {
  std::string_view symbol;
  Op op;
  int binding;  // higher binds tighter
};
// By symbol ("&&", "and", ...) or by what it does; null when there is none.
const BinaryOperator* operator_of(std::string_view symbol);
const BinaryOperator* operator_of(Op op);
constexpr int kComparing = 3;      // the binding of comparisons
constexpr int kNotBinding = 5;     // `not a + b` is `not (a + b)`, and `not a == b` is `(not a) == b`
constexpr int kNegateBinding = 6;  // `-a * b` is `(-a) * b`, and `-a ** b` is `-(a ** b)`

struct Node {
  Op op = Op::kLiteral;
  size_t column = 0;
  Value literal;
  const Function* function = nullptr;
  std::vector<std::unique_ptr<Node>> children;
  int height = 1;     // of the tree below: 1 for a leaf
  bool bare = false;  // `result`, or what stands for it, where a number is wanted
};
using NodePtr = std::unique_ptr<Node>;

Unexpected fail_at(size_t column, const std::string& what);
Result<NodePtr> parse_tree(std::string_view text);
// The type of the whole, when `result` is of this type; an error where types do not fit.
struct Typing {
  Type result = Type::kAny;
  Dialect dialect = Dialect::kOrdeal;
};
Result<Type> check_types(const Node& node, const Typing& typing);
Result<Value> evaluate(const Node& node, const Scope& scope);
// Of two values whose types check_types() lets pass, or an error.
Result<Value> apply(Op op, const Value& left, const Value& right, Dialect dialect);

inline bool is_number(const Value& value) { return fits(type_of(value), Type::kNumber); }
// Of a number or a whole number.
inline double to_number(const Value& value) {
  const auto* whole = std::get_if<int64_t>(&value);
  return whole ? static_cast<double>(*whole) : std::get<double>(value);
}

}  // namespace ordeal::expr
