// PromQL's literals: numbers, durations and strings, between text and value. Internal to src/prometheus/promql.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::promql {

// 12, 1_000, .5e-3, 0x1F, 017 (octal, as in Go), Inf and NaN in any case.
std::optional<double> parse_promql_number(std::string_view text);
// The value of an `le` label: a decimal number with an optional sign, or an infinity.
std::optional<double> parse_bound(std::string_view text);

// "1h30m": units y w d h m s ms, whole numbers, each once, largest first; as milliseconds.
std::optional<int64_t> parse_promql_duration(std::string_view text);
// "0s" for 0; a minus sign for what is negative.
std::string promql_duration_text(int64_t ms);
// Seconds as milliseconds; nothing when out of the range of a duration (292 years).
std::optional<int64_t> duration_of_seconds(double seconds);

// The text with its quotes: "" and '' with Go's escapes, `` raw.
Result<std::string> unquote(std::string_view quoted);

std::string lower_case(std::string_view text);
// Needs no quotes as a label's name, or with colons as a metric's.
bool is_plain_name(std::string_view name, bool colon_allowed);

}  // namespace ordeal::promql
