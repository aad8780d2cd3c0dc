// The tree of a condition, private to src/expr.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "expr/condition.h"

namespace ordeal::expr {

using NodePtr = std::shared_ptr<const Node>;

struct Node {
  enum class Kind { kLiteral, kResult, kIndex, kUnary, kBinary, kCall };
  Kind kind;
  std::string word;  // operator or function
  Value literal{0.0};
  std::vector<NodePtr> children;
  int column = 1;
};

struct Parsed {
  NodePtr root;
  bool bare_result = false;
};
Result<Parsed> parse_tree(std::string_view text);
Result<Value> evaluate(const Node& node, const Value& result);

// Functions by name, with how many arguments they take.
struct Function {
  const char* name;
  size_t least, most;
  Result<Value> (*call)(const std::vector<Value>& arguments);
};
const Function* find_function(std::string_view name);

}  // namespace ordeal::expr
