#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/expr/instant.h"
#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

using Arguments = std::span<const Value>;

const List& list(const Value& value) { return std::get<List>(value); }
Value whole(size_t count) { return Value(static_cast<int64_t>(count)); }
Unexpected refuse(std::string what) { return fail(Errc::kInvalidInput, std::move(what)); }

Result<Value> length(Arguments a, const Scope&) { return whole(list(a[0]).size()); }

struct Numbers {
  List all;
  bool whole = true;  // every one of them
};

// Of one list, or all the numbers given.
Result<Numbers> numbers_of(Arguments arguments, std::string_view name) {
  Numbers numbers;
  for (const Value& argument : arguments) {
    const List* items = std::get_if<List>(&argument);
    if (!is_number(argument) && !items)
      return refuse(fmt::format("{}() takes numbers or a list, not {}", name, type_name(type_of(argument))));
    numbers.whole = numbers.whole && std::holds_alternative<int64_t>(argument);
    if (items) numbers.all.insert(numbers.all.end(), items->begin(), items->end());
    if (!items) numbers.all.push_back(to_number(argument));
  }
  return numbers;
}

// Argo keeps what stands first where NaN cannot be compared.
Result<Value> extreme(Arguments arguments, const Scope& scope, std::string_view name, bool (*better)(double, double)) {
  Numbers numbers = TRY(numbers_of(arguments, name));
  bool argo = scope.dialect == Dialect::kArgo;
  if (numbers.all.empty())
    return argo ? Result<Value>(Nil{}) : refuse(fmt::format("{}() of an empty list: no data", name));
  double best = numbers.all[0];
  for (double one : numbers.all) {
    if (std::isnan(one) && !argo) return Value(one);
    if (better(one, best)) best = one;
  }
  return numbers.whole ? Value(static_cast<int64_t>(best)) : Value(best);
}

Result<Value> least(Arguments arguments, const Scope& scope) {
  return extreme(arguments, scope, "min", [](double a, double b) { return a < b; });
}
Result<Value> most(Arguments arguments, const Scope& scope) {
  return extreme(arguments, scope, "max", [](double a, double b) { return a > b; });
}

Result<Value> absolute(Arguments a, const Scope&) {
  const auto* integer = std::get_if<int64_t>(&a[0]);
  if (integer && *integer != INT64_MIN) return Value(std::abs(*integer));
  return Value(std::abs(to_number(a[0])));
}
Result<Value> ceiling(Arguments a, const Scope&) { return Value(std::ceil(to_number(a[0]))); }
Result<Value> ground(Arguments a, const Scope&) { return Value(std::floor(to_number(a[0]))); }
Result<Value> nearest_whole(Arguments a, const Scope&) { return Value(std::round(to_number(a[0]))); }
Result<Value> is_nan(Arguments a, const Scope&) { return Value(std::isnan(to_number(a[0]))); }
Result<Value> is_inf(Arguments a, const Scope&) { return Value(std::isinf(to_number(a[0]))); }

// What Go makes of a number without a whole part in range, on amd64.
int64_t truncated(double number) {
  return number >= -9223372036854775808.0 && number < 9223372036854775808.0 ? static_cast<int64_t>(number) : INT64_MIN;
}

Result<Value> as_int(Arguments a, const Scope&) {
  if (is_number(a[0])) {
    const auto* integer = std::get_if<int64_t>(&a[0]);
    return Value(integer ? *integer : truncated(to_number(a[0])));
  }
  const auto* text = std::get_if<std::string>(&a[0]);
  if (!text) return refuse(fmt::format("asInt() takes a number or a text, not {}", type_name(type_of(a[0]))));
  auto number = parse_number<int64_t>(text->starts_with('+') ? std::string_view(*text).substr(1) : *text);
  if (!number) return refuse(fmt::format("asInt(): \"{}\" is not a whole number", *text));
  return Value(*number);
}

Result<Value> as_float(Arguments a, const Scope&) {
  if (is_number(a[0])) return Value(to_number(a[0]));
  const auto* text = std::get_if<std::string>(&a[0]);
  if (!text) return refuse(fmt::format("asFloat() takes a number or a text, not {}", type_name(type_of(a[0]))));
  auto number = parse_number<double>(text->starts_with('+') ? std::string_view(*text).substr(1) : *text);
  if (!number) return refuse(fmt::format("asFloat(): \"{}\" is not a number", *text));
  return Value(*number);
}

// Empty, it is 0, as in Argo.
double sum_of(const List& items) { return std::accumulate(items.begin(), items.end(), 0.0); }
Result<Value> sum(Arguments a, const Scope&) { return Value(sum_of(list(a[0]))); }
Result<Value> mean(Arguments a, const Scope&) {
  List items = TRY(numbers_of(a, "mean")).all;
  return Value(items.empty() ? 0.0 : sum_of(items) / static_cast<double>(items.size()));
}

// NaN first, so that there is an order.
List sorted(List items) {
  std::sort(items.begin(), items.end(), [](double x, double y) { return std::isnan(x) ? !std::isnan(y) : x < y; });
  return items;
}
Result<Value> sort(Arguments a, const Scope&) { return Value(sorted(list(a[0]))); }
Result<Value> median(Arguments a, const Scope&) {
  List items = sorted(TRY(numbers_of(a, "median")).all);
  if (items.empty()) return Value(0.0);
  size_t middle = items.size() / 2;
  return Value(items.size() % 2 == 1 ? items[middle] : (items[middle - 1] + items[middle]) / 2);
}

// Of nothing, nil.
Result<Value> first(Arguments a, const Scope&) { return list(a[0]).empty() ? Value(Nil{}) : Value(list(a[0]).front()); }
Result<Value> last(Arguments a, const Scope&) { return list(a[0]).empty() ? Value(Nil{}) : Value(list(a[0]).back()); }

Result<Value> now(Arguments, const Scope& scope) {
  if (!scope.now) return refuse("now() has no clock here");
  return Value(Instant{*scope.now});
}
Result<Value> duration(Arguments a, const Scope&) {
  auto parsed = parse_go_duration(std::get<std::string>(a[0]));
  if (!parsed) return refuse(parsed.error().what);
  return Value(*parsed);
}
Result<Value> date(Arguments a, const Scope&) {
  std::vector<std::string> texts;
  for (const Value& value : a) texts.push_back(std::get<std::string>(value));
  return Value(Instant{TRY(parse_date(texts))});
}

// Of the elements that fit, their indices and how many there were (Form::kPredicate).
double total(Arguments a) { return std::get<double>(a[2]); }
double fitting(Arguments a) { return static_cast<double>(list(a[0]).size()); }
Result<Value> all(Arguments a, const Scope&) { return Value(fitting(a) == total(a)); }
Result<Value> any(Arguments a, const Scope&) { return Value(fitting(a) > 0); }
Result<Value> none(Arguments a, const Scope&) { return Value(fitting(a) == 0); }
Result<Value> one(Arguments a, const Scope&) { return Value(fitting(a) == 1); }
Result<Value> itself(Arguments a, const Scope&) { return a[0]; }
Value index_or_nil(const List& indices, bool from_behind) {
  if (indices.empty()) return Value(Nil{});
  return Value(static_cast<int64_t>(from_behind ? indices.back() : indices.front()));
}
Result<Value> find_index(Arguments a, const Scope&) { return index_or_nil(list(a[1]), false); }
Result<Value> find_last_index(Arguments a, const Scope&) { return index_or_nil(list(a[1]), true); }

const std::vector<Function>& functions() {
  constexpr auto kPlain = Form::kPlain;
  constexpr auto kEach = Form::kPredicate;
  static const std::vector<Type> kNumbers{Type::kNumber}, kLists{Type::kList}, kTexts{Type::kText},
      kAnything{Type::kAny}, kConditions{Type::kList, Type::kBool}, kExpressions{Type::kList, Type::kNumber};
  static const std::vector<Function> kFunctions = {
      {"abs", kPlain, 1, 1, kNumbers, Type::kNumber, absolute},
      {"all", kEach, 2, 2, kConditions, Type::kBool, all},
      {"any", kEach, 2, 2, kConditions, Type::kBool, any},
      {"asFloat", kPlain, 1, 1, kAnything, Type::kNumber, as_float},
      {"asInt", kPlain, 1, 1, kAnything, Type::kInteger, as_int},
      {"ceil", kPlain, 1, 1, kNumbers, Type::kNumber, ceiling},
      {"count", kEach, 2, 2, kConditions, Type::kInteger, length},
      {"date", kPlain, 1, 3, kTexts, Type::kInstant, date},
      {"default", Form::kDefault, 2, 2, kAnything, Type::kAny, nullptr},
      {"duration", kPlain, 1, 1, kTexts, Type::kDuration, duration},
      {"filter", kEach, 2, 2, kConditions, Type::kList, itself},
      {"find", kEach, 2, 2, kConditions, Type::kAny, first},
      {"findIndex", kEach, 2, 2, kConditions, Type::kAny, find_index},
      {"findLast", kEach, 2, 2, kConditions, Type::kAny, last},
      {"findLastIndex", kEach, 2, 2, kConditions, Type::kAny, find_last_index},
      {"first", kPlain, 1, 1, kLists, Type::kAny, first},
      {"float", kPlain, 1, 1, kAnything, Type::kNumber, as_float},
      {"floor", kPlain, 1, 1, kNumbers, Type::kNumber, ground},
      {"int", kPlain, 1, 1, kAnything, Type::kInteger, as_int},
      {"isInf", kPlain, 1, 1, kNumbers, Type::kBool, is_inf},
      {"isNaN", kPlain, 1, 1, kNumbers, Type::kBool, is_nan},
      {"isNil", Form::kDefault, 1, 1, kAnything, Type::kBool, nullptr},
      {"last", kPlain, 1, 1, kLists, Type::kAny, last},
      {"len", kPlain, 1, 1, kLists, Type::kInteger, length},
      {"map", kEach, 2, 2, kExpressions, Type::kList, itself},
      {"max", kPlain, 1, 16, kAnything, Type::kNumber, most},
      {"mean", kPlain, 1, 16, kAnything, Type::kNumber, mean},
      {"median", kPlain, 1, 16, kAnything, Type::kNumber, median},
      {"min", kPlain, 1, 16, kAnything, Type::kNumber, least},
      {"none", kEach, 2, 2, kConditions, Type::kBool, none},
      {"now", kPlain, 0, 0, kAnything, Type::kInstant, now},
      {"one", kEach, 2, 2, kConditions, Type::kBool, one},
      {"round", kPlain, 1, 1, kNumbers, Type::kNumber, nearest_whole},
      {"sort", kPlain, 1, 1, kLists, Type::kList, sort},
      {"sum", kEach, 1, 2, kExpressions, Type::kNumber, sum},
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

}  // namespace ordeal::expr
