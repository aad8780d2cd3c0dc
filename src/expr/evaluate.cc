#include <fmt/format.h>

#include <cmath>

#include "expr/node.h"

namespace ordeal::expr {
namespace {

constexpr size_t kMostSteps = 100'000;

class Evaluator {
 public:
  explicit Evaluator(const Value& result) : result_(result) {}

  Result<Value> value_of(const Node& node) {
    const List* list = std::get_if<List>(&result_);
    steps_ += 1 + (node.op == Op::kResult && list ? list->size() : 0);
    if (steps_ > kMostSteps) return fail_at(node.column, fmt::format("more than {} steps", kMostSteps));
    switch (node.op) {
      case Op::kLiteral:
        return node.literal;
      case Op::kResult:
        return result_;
      case Op::kIndex:
        return index(node);
      case Op::kCall:
        return call(node);
      case Op::kNegate:
        return Value(-TRY(number_of(*node.children[0])));
      case Op::kNot:
        return Value(!TRY(bool_of(*node.children[0])));
      case Op::kAnd:
      case Op::kOr:
        return logic(node);
      case Op::kEqual:
      case Op::kNotEqual:
        return equality(node);
      default:
        return arithmetic(node);
    }
  }

  Result<bool> bool_of(const Node& node) { return as<bool>(node, Type::kBool); }

 private:
  template <typename T>
  Result<T> as(const Node& node, Type type) {
    Value value = TRY(value_of(node));
    if (T* wanted = std::get_if<T>(&value)) return std::move(*wanted);
    bool bare_list = node.op == Op::kResult && std::holds_alternative<List>(value);
    std::string_view advice = bare_list ? " (use result[0], len(result), min(result) or max(result))" : "";
    return fail_at(node.column,
                   fmt::format("expected {}, got {}{}", type_name(type), type_name(type_of(value)), advice));
  }

  Result<double> number_of(const Node& node) { return as<double>(node, Type::kNumber); }

  Result<Value> index(const Node& node) {
    List list = TRY(as<List>(*node.children[0], Type::kList));
    double at = TRY(number_of(*node.children[1]));
    if (at != std::floor(at)) return fail_at(node.column, fmt::format("{} is not a whole index", at));
    auto size = static_cast<double>(list.size());
    if (at >= 0 && at < size) return Value(list[static_cast<size_t>(at)]);
    return fail_at(node.column, list.empty() ? "the result is empty: no data"
                                             : fmt::format("index {} of a list of {}", at, list.size()));
  }

  // No data: an empty list, or an index beyond its end.
  Result<Value> or_default(const Node& node) {
    const Node& wanted = *node.children[0];
    if (wanted.op == Op::kIndex) {
      List list = TRY(as<List>(*wanted.children[0], Type::kList));
      double at = TRY(number_of(*wanted.children[1]));
      if (at >= static_cast<double>(list.size())) return value_of(*node.children[1]);
    }
    Value value = TRY(value_of(wanted));
    const List* list = std::get_if<List>(&value);
    return list && list->empty() ? value_of(*node.children[1]) : Result<Value>(value);
  }

  Result<Value> call(const Node& node) {
    if (!node.function->call) return or_default(node);
    std::vector<Value> arguments;
    for (const NodePtr& child : node.children) {
      arguments.push_back(TRY(value_of(*child)));
      const auto& types = node.function->types;
      Type wanted = types[std::min(arguments.size(), types.size()) - 1];
      Type got = type_of(arguments.back());
      if (wanted != Type::kAny && wanted != got) {
        return fail_at(child->column,
                       fmt::format("{}() needs {}, not {}", node.function->name, type_name(wanted), type_name(got)));
      }
    }
    auto value = node.function->call(arguments);
    return value ? value : fail_at(node.column, value.error().what);
  }

  Result<Value> logic(const Node& node) {
    bool left = TRY(bool_of(*node.children[0]));
    if (left == (node.op == Op::kOr)) return Value(left);
    return Value(TRY(bool_of(*node.children[1])));
  }

  Result<Value> equality(const Node& node) {
    Value left = TRY(value_of(*node.children[0]));
    Value right = TRY(value_of(*node.children[1]));
    if (type_of(left) != type_of(right) || type_of(left) == Type::kList) {
      return fail_at(node.column,
                     fmt::format("cannot compare {} with {}", type_name(type_of(left)), type_name(type_of(right))));
    }
    return Value((left == right) == (node.op == Op::kEqual));
  }

  Result<Value> arithmetic(const Node& node) {
    double a = TRY(number_of(*node.children[0]));
    double b = TRY(number_of(*node.children[1]));
    switch (node.op) {
      case Op::kLess:
        return Value(a < b);
      case Op::kLessEqual:
        return Value(a <= b);
      case Op::kGreater:
        return Value(a > b);
      case Op::kGreaterEqual:
        return Value(a >= b);
      case Op::kAdd:
        return Value(a + b);
      case Op::kSubtract:
        return Value(a - b);
      case Op::kMultiply:
        return Value(a * b);
      case Op::kDivide:
        return Value(a / b);
      default:
        return Value(std::fmod(a, b));
    }
  }

  const Value& result_;
  size_t steps_ = 0;
};

}  // namespace

Result<Value> evaluate(const Node& node, const Value& result) { return Evaluator(result).value_of(node); }

}  // namespace ordeal::expr
