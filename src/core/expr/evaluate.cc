#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

constexpr size_t kMostSteps = 100'000;

bool has_literal(const Node& node) {
  bool computes = node.op >= Op::kAdd || node.op == Op::kNegate || node.op == Op::kPlus;
  return node.op == Op::kLiteral || (computes && std::any_of(node.children.begin(), node.children.end(),
                                                             [](const NodePtr& child) { return has_literal(*child); }));
}

class Evaluator {
 public:
  explicit Evaluator(const Scope& scope) : scope_(scope) {}

  Result<Value> value_of(const Node& node) {
    TRY_VOID(spend(node, 1));
    switch (node.op) {
      case Op::kLiteral:
        return node.literal;
      case Op::kResult:
        return result_at(node);
      case Op::kElement:
        return Value(element_);
      case Op::kIndex:
        return index(node);
      case Op::kCall:
        return call(node);
      case Op::kPredicate:
        return predicate(node);
      case Op::kConditional:
        return value_of(*node.children[TRY(as<bool>(*node.children[0], Type::kBool)) ? 1 : 2]);
      case Op::kList:
        return list(node);
      case Op::kNegate:
      case Op::kPlus:
        return sign(node);
      case Op::kNot:
        return Value(!TRY(as<bool>(*node.children[0], Type::kBool)));
      case Op::kAnd:
      case Op::kOr:
        return logic(node);
      case Op::kRange:
        return range(node);
      default:
        return binary(node);
    }
  }

 private:
  Result<> spend(const Node& node, size_t steps) {
    steps_ += steps;
    if (steps_ <= kMostSteps) return {};
    return fail_at(node.column, fmt::format("more than {} steps", kMostSteps));
  }

  Unexpected expected(const Node& node, Type type, const Value& value) const {
    bool bare_list = node.op == Op::kResult && std::holds_alternative<List>(value);
    return fail_at(node.column, fmt::format("expected {}, got {}{}", type_name(type), type_name(type_of(value)),
                                            bare_list ? kAdvice : ""));
  }

  template <typename T>
  Result<T> as(const Node& node, Type type) {
    Value value = TRY(value_of(node));
    if (T* wanted = std::get_if<T>(&value)) return std::move(*wanted);
    return expected(node, type, value);
  }

  Result<double> number_of(const Node& node) {
    Value value = TRY(value_of(node));
    if (is_number(value)) return to_number(value);
    return expected(node, Type::kNumber, value);
  }

  Result<Value> result_at(const Node& node) {
    const List* list = std::get_if<List>(&scope_.result);
    if (list && list->size() == 1 && node.bare && scope_.unwrap_single) return Value(list->front());
    if (list) TRY_VOID(spend(node, list->size()));
    return scope_.result;
  }

  Result<double> whole_index(const Node& node, size_t size) {
    double at = TRY(number_of(*node.children[1]));
    if (at != std::floor(at)) return fail_at(node.column, fmt::format("{} is not a whole index", at));
    return at < 0 && at >= -static_cast<double>(size) ? at + static_cast<double>(size) : at;
  }

  Result<Value> index(const Node& node) {
    List items = TRY(as<List>(*node.children[0], Type::kList));
    double at = TRY(whole_index(node, items.size()));
    if (at >= 0 && at < static_cast<double>(items.size())) return Value(items[static_cast<size_t>(at)]);
    return fail_at(node.column, items.empty() ? "the result is empty: no data"
                                              : fmt::format("index {} of a list of {}", at, items.size()));
  }

  // An empty list, or an index beyond its end.
  Result<bool> without_data(const Node& node) {
    if (node.op == Op::kIndex) {
      List items = TRY(as<List>(*node.children[0], Type::kList));
      double at = TRY(whole_index(node, items.size()));
      if (at >= static_cast<double>(items.size())) return true;
    }
    Value value = TRY(value_of(node));
    const List* items = std::get_if<List>(&value);
    return (items && items->empty()) || std::holds_alternative<Nil>(value);
  }

  // default() and isNil().
  Result<Value> or_default(const Node& node) {
    bool asks = node.children.size() == 1;
    if (scope_.dialect == Dialect::kArgo) {
      for (const NodePtr& child : node.children) TRY_VOID(value_of(*child).map([](const Value&) {}));
      return asks ? Result<Value>(Value(false)) : result_at(node);
    }
    bool missing = TRY(without_data(*node.children[0]));
    if (asks) return Value(missing);
    return value_of(*node.children[missing ? 1 : 0]);
  }

  // Argo hands isNaN() and isInf() to Go, which takes no whole number for a float, except a literal or what is
  // computed with one.
  Result<> check_go_float(const Node& node, const Node& argument, Type given) const {
    bool of_go = node.function->name == "isNaN" || node.function->name == "isInf";
    if (scope_.dialect != Dialect::kArgo || !of_go || given != Type::kInteger || has_literal(argument)) return {};
    return fail_at(argument.column,
                   fmt::format("{}() takes no whole number (asFloat() makes a number of it)", node.function->name));
  }

  Result<Value> call(const Node& node) {
    if (node.function->form == Form::kDefault) return or_default(node);
    std::vector<Value> arguments;
    for (const NodePtr& child : node.children) {
      arguments.push_back(TRY(value_of(*child)));
      const auto& types = node.function->types;
      Type wanted = types[std::min(arguments.size(), types.size()) - 1];
      Type got = type_of(arguments.back());
      if (!fits(got, wanted)) {
        return fail_at(child->column,
                       fmt::format("{}() needs {}, not {}", node.function->name, type_name(wanted), type_name(got)));
      }
      if (const List* items = std::get_if<List>(&arguments.back())) TRY_VOID(spend(node, items->size()));
      TRY_VOID(check_go_float(node, *child, got));
    }
    auto value = node.function->call(arguments, scope_);
    return value ? value : fail_at(node.column, value.error().what);
  }

  Result<Value> list(const Node& node) {
    List items;
    for (const NodePtr& child : node.children) items.push_back(TRY(number_of(*child)));
    return Value(std::move(items));
  }

  Result<Value> sign(const Node& node) {
    Value value = TRY(value_of(*node.children[0]));
    if (!is_number(value)) return expected(*node.children[0], Type::kNumber, value);
    if (node.op == Op::kPlus) return value;
    if (const double* number = std::get_if<double>(&value)) return Value(-*number);
    return apply(Op::kSubtract, Value(int64_t{0}), value, scope_.dialect);
  }

  Result<Value> logic(const Node& node) {
    // Argo's compiler does away with `x || true`, so that a mistake in x is none.
    const bool* second = std::get_if<bool>(&node.children[1]->literal);
    if (scope_.dialect == Dialect::kArgo && second && *second == (node.op == Op::kOr)) return Value(*second);
    bool left = TRY(as<bool>(*node.children[0], Type::kBool));
    if (left == (node.op == Op::kOr)) return Value(left);
    return Value(TRY(as<bool>(*node.children[1], Type::kBool)));
  }

  Result<Value> range(const Node& node) {
    auto from = TRY(as<int64_t>(*node.children[0], Type::kInteger));
    auto to = TRY(as<int64_t>(*node.children[1], Type::kInteger));
    List items;
    for (int64_t i = from; i <= to; ++i) {
      TRY_VOID(spend(node, 1));
      items.push_back(static_cast<double>(i));
      if (i == to) break;
    }
    return Value(std::move(items));
  }

  Result<Value> binary(const Node& node) {
    Value left = TRY(value_of(*node.children[0]));
    Value right = TRY(value_of(*node.children[1]));
    bool compares_values = node.op == Op::kEqual || node.op == Op::kNotEqual;
    for (const Value* value : {&left, &right}) {
      const Node& child = *node.children[value == &left ? 0 : 1];
      bool bare_list = std::holds_alternative<List>(*value) && child.op == Op::kResult && node.op != Op::kIn;
      if (bare_list && !compares_values) return expected(child, Type::kNumber, *value);
    }
    auto value = apply(node.op, left, right, scope_.dialect);
    return value ? value : fail_at(node.column, value.error().what);
  }

  // all(), filter() and their kin: the function is given the elements for which the condition holds, their indices and
  // how many there were; map() and sum() what their expression gives.
  Result<Value> predicate(const Node& node) {
    List items = TRY(as<List>(*node.children[0], Type::kList));
    if (node.children.size() == 1) return node.function->call(std::vector{Value(std::move(items))}, scope_);
    const Node& body = *node.children[1];
    List chosen, indices;
    double around = element_;
    for (size_t i = 0; i < items.size(); ++i) {
      element_ = items[i];
      if (node.function->types[1] == Type::kNumber) {
        chosen.push_back(TRY(number_of(body)));
      } else if (TRY(as<bool>(body, Type::kBool))) {
        chosen.push_back(items[i]);
        indices.push_back(static_cast<double>(i));
      }
    }
    element_ = around;
    std::vector<Value> arguments{Value(std::move(chosen)), Value(std::move(indices)),
                                 Value(static_cast<double>(items.size()))};
    return node.function->call(arguments, scope_);
  }

  const Scope& scope_;
  size_t steps_ = 0;
  double element_ = 0;
};

}  // namespace

Result<Value> evaluate(const Node& node, const Scope& scope) { return Evaluator(scope).value_of(node); }

}  // namespace ordeal::expr
