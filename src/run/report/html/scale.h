// Numbers for people: units, three significant digits, round axis ticks, elapsed time. No locale.
// A unit is "s" (shown as µs, ms, s), "ratio" (shown as %), "bytes", "" or any other word, which is put behind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace ordeal::report {

// The unit that a query's text gives away ("…_seconds_bucket", a ratio of two rates), or "".
std::string guess_unit(std::string_view query);

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

// At most `most` + 1 round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high]; low < high.
std::vector<double> nice_ticks(double low, double high, size_t most);
// At most `most` + 1 round instants from 0 to `length`.
std::vector<Nanos> time_ticks(Nanos length, size_t most);

// Since the start of a run: "0:07", "12:30", "1:02:30".
std::string format_elapsed(Nanos elapsed);
// A latency: "0.4 ms", "312 ms", "1.4 s", "2 min 5 s".
std::string format_latency(Nanos latency);

}  // namespace ordeal::report
