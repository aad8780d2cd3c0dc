// Text in terminal columns: width, cutting, padding, sparklines. UTF-8; an escape sequence of colour has no width, wide
// East Asian characters and emoji have two columns, combining marks none.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace ordeal::report {

size_t columns(std::string_view text);
// At most `width` columns, with "…" where it was cut. A colour that was open is ended.
std::string fit(std::string_view text, size_t width);
std::string padded(std::string text, size_t width);
std::string padded_left(const std::string& text, size_t width);
// The last `width` values as eight heights of block, the highest for the greatest; a space where there was no data.
std::string sparkline(const std::deque<std::optional<double>>& values, size_t width);

}  // namespace ordeal::report
