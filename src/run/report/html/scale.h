// What an axis shows: round ticks, elapsed time. No locale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/text/quantity.h"

namespace ordeal::report {

// At most `most` + 1 round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high]; low < high.
std::vector<double> nice_ticks(double low, double high, size_t most);
// At most `most` + 1 round instants from 0 to `length`.
std::vector<Nanos> time_ticks(Nanos length, size_t most);

// Since the start of a run: "0:07", "12:30", "1:02:30".
std::string format_elapsed(Nanos elapsed);
// The same of each of these, in seconds with a fraction where whole ones would repeat.
std::vector<std::string> elapsed_labels(const std::vector<Nanos>& ticks);

}  // namespace ordeal::report
