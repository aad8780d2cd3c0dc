// Quantities for people: a number with its unit, three significant digits, no locale.
// A unit is "s" (shown as µs, ms, s), "ratio" (shown as %), "bytes", "" or any other word, which is put behind.
#pragma once

#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace ordeal {

// The unit that a query's text gives away ("…_seconds_bucket", a ratio of two rates), or "".
std::string guess_unit(std::string_view query);
// `unit` where somebody has said it, else as guessed.
std::string unit_of(std::string_view unit, std::string_view query);

// How the numbers of one axis are written: value * factor, then the suffix.
struct Scale {
  double factor = 1;
  std::string suffix;
  bool operator==(const Scale&) const = default;
};
Scale scale_for(double largest, std::string_view unit);
std::string format_on(const Scale& scale, double value);

// "1.24 s", "340 ms", "0.2 %", "12 400".
std::string format_value(double value, std::string_view unit);
// The same for texts that are searched: plain spaces, and none among digits.
std::string plain_value(double value, std::string_view unit);
// "1 process", "3 processes".
std::string counted(size_t count, std::string_view one, std::string_view many);
// A latency: "0.4 ms", "312 ms", "1.4 s", "2 min 5 s".
std::string format_latency(Nanos latency);

}  // namespace ordeal
