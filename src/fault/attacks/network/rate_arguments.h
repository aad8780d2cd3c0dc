// Rates and sizes as tc writes them, and so Chaos Mesh: "10mbit", "1mbps" (bytes a second), "32kb". Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ordeal::fault {

// Bits a second: bit, kbit, mbit, gbit are powers of 1000; bps, kbps, mbps, gbps are bytes a second. A bare number is
// bits. Nothing for anything else.
std::optional<double> parse_rate(std::string_view text);
// Bytes: b, kb or k, mb or m, powers of 1024. A bare number is bytes.
std::optional<double> parse_size(std::string_view text);
// "10 Mbit/s"
std::string rate_in_words(double bits_per_second);

}  // namespace ordeal::fault
