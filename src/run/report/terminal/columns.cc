#include "run/report/terminal/columns.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/text/printable.h"

namespace ordeal::report {
namespace {

struct Glyph {
  size_t bytes = 1;
  size_t width = 1;
};

struct Range {
  uint32_t first, last;
};
constexpr std::array<Range, 9> kWide{{{0x1100, 0x115f},
                                      {0x2e80, 0x303e},
                                      {0x3041, 0xa4cf},
                                      {0xac00, 0xd7a3},
                                      {0xf900, 0xfaff},
                                      {0xfe30, 0xfe6f},
                                      {0xff00, 0xff60},
                                      {0x1f300, 0x1faff},
                                      {0x20000, 0x3fffd}}};
constexpr std::array<Range, 5> kNone{
    {{0x300, 0x36f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0f}}};

template <size_t N>
bool within(const std::array<Range, N>& ranges, uint32_t point) {
  return std::any_of(ranges.begin(), ranges.end(), [&](Range r) { return point >= r.first && point <= r.last; });
}

Glyph glyph_of(std::string_view text) {
  CodePoint point = first_code_point(text);
  return {point.bytes, within(kNone, point.value) ? 0u : within(kWide, point.value) ? 2u : 1u};
}

// The length of "ESC [ … letter" at the start, or 0.
size_t escape_length(std::string_view text) {
  if (text.substr(0, 2) != "\x1b[") return 0;
  size_t end = text.find_first_not_of("0123456789;", 2);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

size_t columns(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    if (size_t skip = escape_length(text)) {
      text.remove_prefix(skip);
      continue;
    }
    Glyph glyph = glyph_of(text);
    width += glyph.width;
    text.remove_prefix(glyph.bytes);
  }
  return width;
}

std::string fit(std::string_view text, size_t width) {
  if (columns(text) <= width) return std::string(text);
  std::string out;
  size_t used = 0;
  bool coloured = false;
  while (!text.empty()) {
    if (size_t skip = escape_length(text)) {
      out += text.substr(0, skip);
      coloured = true;
      text.remove_prefix(skip);
      continue;
    }
    Glyph glyph = glyph_of(text);
    if (used + glyph.width + 1 > width) break;
    out += text.substr(0, glyph.bytes);
    used += glyph.width;
    text.remove_prefix(glyph.bytes);
  }
  if (width > 0) out += "…";
  return coloured ? out + "\x1b[0m" : out;
}

std::string padded(std::string text, size_t width) {
  size_t used = columns(text);
  return used < width ? text + std::string(width - used, ' ') : text;
}

std::string padded_left(const std::string& text, size_t width) {
  size_t used = columns(text);
  return used < width ? std::string(width - used, ' ') + text : text;
}

std::string sparkline(const std::deque<std::optional<double>>& values, size_t width) {
  static constexpr std::array kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  size_t first = values.size() > width ? values.size() - width : 0;
  double low = 0, high = 0;
  for (size_t i = first; i < values.size(); ++i)
    if (values[i]) low = std::min(low, *values[i]), high = std::max(high, *values[i]);
  std::string line;
  for (size_t i = first; i < values.size(); ++i) {
    double share = values[i] && high > low ? (*values[i] - low) / (high - low) : 0;
    line += values[i] ? kBlocks[share < 1 ? static_cast<size_t>(share * 8) : 7] : " ";
  }
  return line;
}

}  // namespace ordeal::report
