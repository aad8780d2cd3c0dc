#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

constexpr BinaryOperator kOperators[] = {
    {"||", Op::kOr, 1},     {"or", Op::kOr, 1},           {"&&", Op::kAnd, 2},     {"and", Op::kAnd, 2},
    {"==", Op::kEqual, 3},  {"!=", Op::kNotEqual, 3},     {"<", Op::kLess, 3},     {"<=", Op::kLessEqual, 3},
    {">", Op::kGreater, 3}, {">=", Op::kGreaterEqual, 3}, {"in", Op::kIn, 3},      {"..", Op::kRange, 4},
    {"+", Op::kAdd, 5},     {"-", Op::kSubtract, 5},      {"*", Op::kMultiply, 6}, {"/", Op::kDivide, 6},
    {"%", Op::kModulo, 6},  {"**", Op::kPower, 8},        {"^", Op::kPower, 8},
};

// As Go does it: what is beyond the largest whole number begins again at the smallest.
int64_t wrapped(Op op, int64_t a, int64_t b) {
  auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  return static_cast<int64_t>(op == Op::kAdd ? x + y : op == Op::kSubtract ? x - y : x * y);
}

double plain(Op op, double a, double b) {
  if (op == Op::kAdd) return a + b;
  if (op == Op::kSubtract) return a - b;
  return op == Op::kMultiply ? a * b : op == Op::kDivide ? a / b : std::pow(a, b);
}

template <typename T>
bool ordered(Op op, const T& a, const T& b) {
  if (op == Op::kLess) return a < b;
  if (op == Op::kLessEqual) return a <= b;
  return op == Op::kGreater ? a > b : a >= b;
}

Unexpected no_such(Op op, const Value& left, const Value& right) {
  return fail(Errc::kInvalidInput, std::string(operator_of(op)->symbol) + " does not take " +
                                       std::string(type_name(type_of(left))) + " and " +
                                       std::string(type_name(type_of(right))));
}

// Of unlike types only nil and, for Argo, what it does not know before can be compared: they are not equal.
Result<Value> equality(Op op, const Value& left, const Value& right, Dialect dialect) {
  bool wanted = op == Op::kEqual;
  if (is_number(left) && is_number(right) && left.index() != right.index())
    return Value((to_number(left) == to_number(right)) == wanted);
  bool nil = type_of(left) == Type::kNil || type_of(right) == Type::kNil;
  if (dialect == Dialect::kOrdeal && left.index() != right.index() && !nil)
    return fail(Errc::kInvalidInput, "cannot compare " + std::string(type_name(type_of(left))) + " with " +
                                         std::string(type_name(type_of(right))));
  return Value((left == right) == wanted);
}

Result<Value> modulo(const Value& left, const Value& right, Dialect dialect) {
  const auto *a = std::get_if<int64_t>(&left), *b = std::get_if<int64_t>(&right);
  if (!a || !b) {
    if (dialect == Dialect::kArgo) return fail(Errc::kInvalidInput, "% takes whole numbers only (asInt() makes one)");
    return Value(std::fmod(to_number(left), to_number(right)));
  }
  if (*b == 0) return fail(Errc::kInvalidInput, "division by zero");
  return Value(*b == -1 ? int64_t{0} : *a % *b);
}

Result<Value> of_numbers(Op op, const Value& left, const Value& right, Dialect dialect) {
  const auto *a = std::get_if<int64_t>(&left), *b = std::get_if<int64_t>(&right);
  if (op == Op::kModulo) return modulo(left, right, dialect);
  if (a && b && (op == Op::kAdd || op == Op::kSubtract || op == Op::kMultiply)) return Value(wrapped(op, *a, *b));
  bool compares = op >= Op::kLess && op <= Op::kGreaterEqual;
  if (!compares) return Value(plain(op, to_number(left), to_number(right)));
  return Value(a && b ? ordered(op, *a, *b) : ordered(op, to_number(left), to_number(right)));
}

Nanos scaled(Nanos duration, double by) {
  double nanos = static_cast<double>(duration.count()) * by;
  return Nanos(std::abs(nanos) < 9.2e18 ? static_cast<int64_t>(nanos) : 0);
}

Nanos summed(Op op, Nanos a, Nanos b) { return Nanos(wrapped(op, a.count(), b.count())); }

// Instants and durations.
Result<Value> of_times(Op op, const Value& left, const Value& right) {
  const auto *a = std::get_if<Nanos>(&left), *b = std::get_if<Nanos>(&right);
  const auto *x = std::get_if<Instant>(&left), *y = std::get_if<Instant>(&right);
  bool sums = op == Op::kAdd || op == Op::kSubtract;
  bool compares = op >= Op::kLess && op <= Op::kGreaterEqual;
  if (compares && a && b) return Value(ordered(op, *a, *b));
  if (compares && x && y) return Value(ordered(op, *x, *y));
  if (sums && a && b) return Value(summed(op, *a, *b));
  if (sums && x && b) return Value(Instant{summed(op, x->since_epoch, *b)});
  if (op == Op::kAdd && a && y) return Value(Instant{summed(op, y->since_epoch, *a)});
  if (op == Op::kSubtract && x && y) return Value(summed(op, x->since_epoch, y->since_epoch));
  if (op == Op::kMultiply && a && is_number(right)) return Value(scaled(*a, to_number(right)));
  if (op == Op::kMultiply && b && is_number(left)) return Value(scaled(*b, to_number(left)));
  return no_such(op, left, right);
}

Result<Value> in_list(const Value& left, const Value& right) {
  const List* list = std::get_if<List>(&right);
  if (!list) return no_such(Op::kIn, left, right);
  bool found = is_number(left) && std::find(list->begin(), list->end(), to_number(left)) != list->end();
  return Value(found);
}

}  // namespace

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

Result<Value> apply(Op op, const Value& left, const Value& right, Dialect dialect) {
  if (op == Op::kEqual || op == Op::kNotEqual) return equality(op, left, right, dialect);
  if (op == Op::kIn) return in_list(left, right);
  if (is_number(left) && is_number(right)) return of_numbers(op, left, right, dialect);
  const auto *a = std::get_if<std::string>(&left), *b = std::get_if<std::string>(&right);
  if (a && b && op == Op::kAdd) return Value(*a + *b);
  if (a && b && op >= Op::kLess && op <= Op::kGreaterEqual) return Value(ordered(op, *a, *b));
  return of_times(op, left, right);
}

}  // namespace ordeal::expr
