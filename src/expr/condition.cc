#include "expr/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "expr/node.h"

namespace ordeal::expr {
namespace {

using List = std::vector<double>;

const char* type_of(const Value& value) {
  constexpr std::array kTypes{"a number", "a truth value", "a list"};
  return kTypes[value.index()];
}

Unexpected type_error(int column, const std::string& wanted, const Value& found) {
  return fail(Errc::kInvalidInput, fmt::format("column {}: expected {}, found {}", column, wanted, type_of(found)));
}

Result<double> number_of(const Node& node, const Value& result) {
  Value value = TRY(evaluate(node, result));
  if (auto* number = std::get_if<double>(&value)) return *number;
  return type_error(node.column, "a number", value);
}

Result<bool> truth_of(const Node& node, const Value& result) {
  Value value = TRY(evaluate(node, result));
  if (auto* truth = std::get_if<bool>(&value)) return *truth;
  return type_error(node.column, "true or false", value);
}

using Compare = bool (*)(double, double);
const std::map<std::string_view, Compare> kCompare{
    {"<", [](double a, double b) { return a < b; }},   {"<=", [](double a, double b) { return a <= b; }},
    {">", [](double a, double b) { return a > b; }},   {">=", [](double a, double b) { return a >= b; }},
    {"==", [](double a, double b) { return a == b; }}, {"!=", [](double a, double b) { return a != b; }}};

using Arithmetic = double (*)(double, double);
const std::map<std::string_view, Arithmetic> kArithmetic{{"+", [](double a, double b) { return a + b; }},
                                                         {"-", [](double a, double b) { return a - b; }},
                                                         {"*", [](double a, double b) { return a * b; }},
                                                         {"/", [](double a, double b) { return a / b; }},
                                                         {"%", [](double a, double b) { return std::fmod(a, b); }}};

Result<Value> evaluate_binary(const Node& node, const Value& result) {
  const Node& left = *node.children[0];
  const Node& right = *node.children[1];
  if (node.word == "&&" || node.word == "||") {
    bool first = TRY(truth_of(left, result));
    if (first == (node.word == "||")) return Value(first);
    return Value(TRY(truth_of(right, result)));
  }
  double a = TRY(number_of(left, result));
  double b = TRY(number_of(right, result));
  if (auto compare = kCompare.find(node.word); compare != kCompare.end()) return Value(compare->second(a, b));
  return Value(kArithmetic.at(node.word)(a, b));
}

Result<Value> evaluate_index(const Node& node, const Value& result) {
  auto* list = std::get_if<List>(&result);
  if (!list) return type_error(node.column, "a list before [", result);
  double index = TRY(number_of(*node.children[1], result));
  if (index < 0 || index >= static_cast<double>(list->size()) || index != std::floor(index))
    return fail(Errc::kInvalidInput,
                fmt::format("column {}: there is no element {} in a result of {}", node.column, index, list->size()));
  return Value((*list)[static_cast<size_t>(index)]);
}

Result<Value> evaluate_unary(const Node& node, const Value& result) {
  if (node.word == "!") return Value(!TRY(truth_of(*node.children[0], result)));
  return Value(-TRY(number_of(*node.children[0], result)));
}

// min, max and friends take numbers or lists alike.
Result<List> numbers_in(const std::vector<Value>& arguments) {
  List all;
  for (const Value& argument : arguments) {
    if (auto* number = std::get_if<double>(&argument)) {
      all.push_back(*number);
    } else if (auto* list = std::get_if<List>(&argument)) {
      all.insert(all.end(), list->begin(), list->end());
    } else {
      return fail(Errc::kInvalidInput, "expected numbers, found a truth value");
    }
  }
  if (all.empty()) return fail(Errc::kInvalidInput, "an empty list has no smallest or largest element");
  return all;
}

Result<double> only_number(const std::vector<Value>& arguments) {
  if (auto* number = std::get_if<double>(&arguments[0])) return *number;
  return fail(Errc::kInvalidInput, fmt::format("expected a number, found {}", type_of(arguments[0])));
}

Result<Value> len(const std::vector<Value>& arguments) {
  if (auto* list = std::get_if<List>(&arguments[0])) return Value(static_cast<double>(list->size()));
  return fail(Errc::kInvalidInput, fmt::format("len expects a list, found {}", type_of(arguments[0])));
}
Result<Value> min(const std::vector<Value>& arguments) {
  List all = TRY(numbers_in(arguments));
  return Value(*std::min_element(all.begin(), all.end()));
}
Result<Value> max(const std::vector<Value>& arguments) {
  List all = TRY(numbers_in(arguments));
  return Value(*std::max_element(all.begin(), all.end()));
}
Result<Value> abs(const std::vector<Value>& arguments) { return Value(std::fabs(TRY(only_number(arguments)))); }
Result<Value> is_nan(const std::vector<Value>& arguments) { return Value(std::isnan(TRY(only_number(arguments)))); }
Result<Value> is_inf(const std::vector<Value>& arguments) { return Value(std::isinf(TRY(only_number(arguments)))); }
// An empty list is no value.
Result<Value> or_default(const std::vector<Value>& arguments) {
  auto* list = std::get_if<List>(&arguments[0]);
  return list && list->empty() ? arguments[1] : arguments[0];
}

constexpr size_t kAny = 100;
constexpr std::array<Function, 7> kFunctions{{{"len", 1, 1, len},
                                              {"min", 1, kAny, min},
                                              {"max", 1, kAny, max},
                                              {"abs", 1, 1, abs},
                                              {"isNaN", 1, 1, is_nan},
                                              {"isInf", 1, 1, is_inf},
                                              {"default", 2, 2, or_default}}};

}  // namespace

const Function* find_function(std::string_view name) {
  auto found = std::find_if(kFunctions.begin(), kFunctions.end(), [&](const Function& f) { return f.name == name; });
  return found == kFunctions.end() ? nullptr : &*found;
}

Result<Value> evaluate(const Node& node, const Value& result) {
  switch (node.kind) {
    case Node::Kind::kLiteral:
      return node.literal;
    case Node::Kind::kResult:
      return result;
    case Node::Kind::kIndex:
      return evaluate_index(node, result);
    case Node::Kind::kUnary:
      return evaluate_unary(node, result);
    case Node::Kind::kBinary:
      return evaluate_binary(node, result);
    case Node::Kind::kCall:
      break;
  }
  std::vector<Value> arguments;
  for (const NodePtr& child : node.children) arguments.push_back(TRY(evaluate(*child, result)));
  auto value = find_function(node.word)->call(arguments);
  if (!value) return fail(Errc::kInvalidInput, fmt::format("column {}: {}", node.column, value.error().what));
  return value;
}

Result<Condition> Condition::parse(std::string_view text) {
  Parsed parsed = TRY(parse_tree(text));
  return Condition(std::string(text), std::move(parsed.root), parsed.bare_result);
}

Result<bool> Condition::holds(const Value& result) const { return truth_of(*root_, result); }

std::optional<Threshold> Condition::threshold() const {
  const Node& node = *root_;
  if (node.kind != Node::Kind::kBinary || !kCompare.count(node.word)) return std::nullopt;
  const Node& left = *node.children[0];
  const Node& right = *node.children[1];
  bool names_result = left.kind == Node::Kind::kResult || left.kind == Node::Kind::kIndex;
  if (!names_result || right.kind != Node::Kind::kLiteral) return std::nullopt;
  return Threshold{node.word, std::get<double>(right.literal)};
}

}  // namespace ordeal::expr
