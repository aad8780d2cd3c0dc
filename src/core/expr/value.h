// What a condition computes with: numbers, whole numbers, booleans, lists of numbers, texts, instants and durations.
// Only a whole number becomes a number by itself; nothing else is converted silently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.h"

namespace ordeal::expr {

using List = std::vector<double>;

struct Instant {
  Nanos since_epoch{0};
  auto operator<=>(const Instant&) const = default;
};
struct Nil {
  bool operator==(const Nil&) const = default;
};
using Value = std::variant<double, bool, List, int64_t, std::string, Instant, Nanos, Nil>;

// In the order of Value; kAny is known only once it is there, such as `result`.
enum class Type { kNumber, kBool, kList, kInteger, kText, kInstant, kDuration, kNil, kAny };
inline Type type_of(const Value& value) { return static_cast<Type>(value.index()); }
inline std::string_view type_name(Type type) {
  constexpr std::string_view kNames[] = {"a number",       "a boolean", "a list of numbers",
                                         "a whole number", "a text",    "an instant",
                                         "a duration",     "nil",       "a number or a list"};
  return kNames[static_cast<size_t>(type)];
}
// A whole number may stand where a number is wanted, and anything where kAny is.
inline bool fits(Type given, Type wanted) {
  return given == wanted || wanted == Type::kAny || (wanted == Type::kNumber && given == Type::kInteger);
}

}  // namespace ordeal::expr
