#include "core/json/fields.h"

#include <cmath>
#include <limits>

namespace ordeal::json {

Result<double> Codec<double>::read(const Reader& reader) {
  const Value& value = reader.value();
  if (value.is_number()) return value.to_number<double>();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (auto [text, number] : {std::pair{"+Inf", kInfinity}, {"-Inf", -kInfinity}, {"NaN", std::nan("")}})
    if (value == text) return number;
  return reader.expected("a number");
}

Result<Nanos> Codec<Nanos>::read(const Reader& reader) {
  constexpr double kMost = 9.2e12;  // of milliseconds; 292 years of nanoseconds
  return reader.number(-kMost, kMost).map([](double millis) { return Nanos(std::llround(millis * 1e6)); });
}

}  // namespace ordeal::json
