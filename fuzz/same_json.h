// Whether two JSON values are equal, where Boost 1.81 reads a fraction to within a unit in the last place.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/json/value.h"

namespace ordeal {

inline bool same_number(double a, double b) {
  return a == b || std::abs(a - b) <= 2 * std::numeric_limits<double>::epsilon() * std::max(std::abs(a), std::abs(b));
}

inline bool same_json(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) return same_number(a.to_number<double>(), b.to_number<double>());
  if (a.kind() != b.kind()) return false;
  if (a.is_array())
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(), b.get_array().end(),
                      same_json);
  if (!a.is_object()) return a == b;
  return std::equal(a.get_object().begin(), a.get_object().end(), b.get_object().begin(), b.get_object().end(),
                    [](const auto& x, const auto& y) { return x.key() == y.key() && same_json(x.value(), y.value()); });
}

}  // namespace ordeal
