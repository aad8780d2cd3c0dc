// What a condition computes with: numbers, booleans and lists of numbers. Nothing is converted silently.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

namespace ordeal::expr {

using List = std::vector<double>;
using Value = std::variant<double, bool, List>;

// kAny is `result`, whose type shows only when it is known.
enum class Type { kNumber, kBool, kList, kAny };
inline Type type_of(const Value& value) { return static_cast<Type>(value.index()); }
inline std::string_view type_name(Type type) {
  constexpr std::string_view kNames[] = {"a number", "a boolean", "a list of numbers", "a number or a list"};
  return kNames[static_cast<size_t>(type)];
}

}  // namespace ordeal::expr
