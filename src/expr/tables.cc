#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "expr/node.h"

namespace ordeal::expr {
namespace {

constexpr BinaryOperator kOperators[] = {
    {"||", Op::kOr, 1, Type::kBool, Type::kBool},          {"or", Op::kOr, 1, Type::kBool, Type::kBool},
    {"&&", Op::kAnd, 2, Type::kBool, Type::kBool},         {"and", Op::kAnd, 2, Type::kBool, Type::kBool},
    {"==", Op::kEqual, 3, Type::kAny, Type::kBool},        {"!=", Op::kNotEqual, 3, Type::kAny, Type::kBool},
    {"<", Op::kLess, 3, Type::kNumber, Type::kBool},       {"<=", Op::kLessEqual, 3, Type::kNumber, Type::kBool},
    {">", Op::kGreater, 3, Type::kNumber, Type::kBool},    {">=", Op::kGreaterEqual, 3, Type::kNumber, Type::kBool},
    {"+", Op::kAdd, 4, Type::kNumber, Type::kNumber},      {"-", Op::kSubtract, 4, Type::kNumber, Type::kNumber},
    {"*", Op::kMultiply, 5, Type::kNumber, Type::kNumber}, {"/", Op::kDivide, 5, Type::kNumber, Type::kNumber},
    {"%", Op::kModulo, 5, Type::kNumber, Type::kNumber},
};

double number(const Value& value) { return std::get<double>(value); }

Result<Value> length(std::span<const Value> arguments) {
  return Value(static_cast<double>(std::get<List>(arguments[0]).size()));
}

// Of one list, or of all the numbers given.
Result<Value> extreme(std::span<const Value> arguments, std::string_view name, bool (*better)(double, double)) {
  List numbers;
  for (const Value& argument : arguments) {
    if (const List* list = std::get_if<List>(&argument)) {
      numbers.insert(numbers.end(), list->begin(), list->end());
    } else if (const double* one = std::get_if<double>(&argument)) {
      numbers.push_back(*one);
    } else {
      return fail(Errc::kInvalidInput, fmt::format("{}() takes numbers or a list, not a boolean", name));
    }
  }
  if (numbers.empty()) return fail(Errc::kInvalidInput, fmt::format("{}() of an empty list: no data", name));
  double best = numbers[0];
  for (double one : numbers) {
    if (std::isnan(one)) return Value(one);
    if (better(one, best)) best = one;
  }
  return Value(best);
}

Result<Value> least(std::span<const Value> arguments) {
  return extreme(arguments, "min", [](double a, double b) { return a < b; });
}
Result<Value> most(std::span<const Value> arguments) {
  return extreme(arguments, "max", [](double a, double b) { return a > b; });
}
Result<Value> absolute(std::span<const Value> arguments) { return Value(std::abs(number(arguments[0]))); }
Result<Value> is_nan(std::span<const Value> arguments) { return Value(std::isnan(number(arguments[0]))); }
Result<Value> is_inf(std::span<const Value> arguments) { return Value(std::isinf(number(arguments[0]))); }

const std::vector<Function>& functions() {
  static const std::vector<Function> kFunctions = {
      {"abs", 1, 1, {Type::kNumber}, Type::kNumber, absolute},
      {"default", 2, 2, {Type::kAny, Type::kNumber}, Type::kAny, nullptr},
      {"isInf", 1, 1, {Type::kNumber}, Type::kBool, is_inf},
      {"isNaN", 1, 1, {Type::kNumber}, Type::kBool, is_nan},
      {"len", 1, 1, {Type::kList}, Type::kNumber, length},
      {"max", 1, 16, {Type::kAny}, Type::kNumber, most},
      {"min", 1, 16, {Type::kAny}, Type::kNumber, least},
  };
  return kFunctions;
}

}  // namespace

const Function* function_named(std::string_view name) {
  for (const Function& function : functions()) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

std::string function_names() {
  std::string names;
  for (const Function& function : functions()) names += (names.empty() ? "" : ", ") + std::string(function.name);
  return names;
}

const BinaryOperator* operator_of(std::string_view symbol) {
  auto found = std::find_if(std::begin(kOperators), std::end(kOperators),
                            [&](const BinaryOperator& entry) { return entry.symbol == symbol; });
  return found == std::end(kOperators) ? nullptr : found;
}

const BinaryOperator* operator_of(Op op) {
  auto found = std::find_if(std::begin(kOperators), std::end(kOperators),
                            [&](const BinaryOperator& entry) { return entry.op == op; });
  return found == std::end(kOperators) ? nullptr : found;
}

}  // namespace ordeal::expr
