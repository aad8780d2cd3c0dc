// Durations as people write them: "500ms", "1m30s", "2h". Units: ns us ms s m h d, each once, largest first.
// A fraction is allowed in the last part ("1.5s"). Range: 0 to 366 days.
#pragma once

#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal {

Result<Nanos> parse_duration(std::string_view text);
// Go's time.ParseDuration, for what is written for a Go program: "1.5h", "-2m", "1h1h", "+300us"; units ns us µs ms s
// m h, in any order.
Result<Nanos> parse_go_duration(std::string_view text);
// A text that parse_duration reads back exactly: "1m30s", "1.5s", "500ms", "0s".
std::string format_duration(Nanos duration);
// The same without a fraction, as Prometheus reads it: "1s500ms".
std::string format_prometheus_duration(Nanos duration);

}  // namespace ordeal
