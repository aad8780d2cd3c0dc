// The syntax tree of a condition, its operators and functions. Internal to src/expr.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "expr/value.h"

namespace ordeal::expr {

// clang-format off
enum class Op { kLiteral, kResult, kIndex, kCall, kNegate, kNot, kOr, kAnd, kEqual, kNotEqual, kLess, kLessEqual,
                kGreater, kGreaterEqual, kAdd, kSubtract, kMultiply, kDivide, kModulo };
// clang-format on

struct Function {
  std::string_view name;
  size_t least_arguments;
  size_t most_arguments;
  std::vector<Type> types;  // of the arguments; the last one counts for all that follow
  Type returns;
  // Never called for `default`, which must not fail when its first argument has no data.
  Result<Value> (*call)(std::span<const Value> arguments);
};
// Null when there is none of this name.
const Function* function_named(std::string_view name);
std::string function_names();

struct BinaryOperator {
  std::string_view symbol;
  Op op;
  int binding;  // higher binds tighter
  Type operands;
  Type returns;
};
// By symbol ("&&", "and", ...) or by what it does; null when there is none.
const BinaryOperator* operator_of(std::string_view symbol);
const BinaryOperator* operator_of(Op op);

struct Node {
  Op op = Op::kLiteral;
  size_t column = 0;
  Value literal;
  const Function* function = nullptr;
  std::vector<std::unique_ptr<Node>> children;
  Type type = Type::kAny;
  int height = 1;  // of the tree below: 1 for a leaf
};
using NodePtr = std::unique_ptr<Node>;

Unexpected fail_at(size_t column, const std::string& what);
Result<NodePtr> parse_tree(std::string_view text);
Result<Value> evaluate(const Node& node, const Value& result);

}  // namespace ordeal::expr
