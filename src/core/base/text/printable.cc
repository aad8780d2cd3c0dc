#include "core/base/text/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ordeal {
namespace {

struct Range {
  uint32_t first, last;
};
constexpr std::array kSteering{Range{0x0, 0x1f},       Range{0x7f, 0x9f},     Range{0xad, 0xad},
                               Range{0x61c, 0x61c},    Range{0x180e, 0x180e}, Range{0x200b, 0x200f},
                               Range{0x2028, 0x202e},  Range{0x2060, 0x206f}, Range{0xfeff, 0xfeff},
                               Range{0xfff9, 0xfffb},  Range{0xfffe, 0xffff}, Range{0x1fffe, 0x1ffff},
                               Range{0xe0000, 0xe0fff}};

size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

// Overlong forms, surrogates and what is above U+10FFFF show in the second byte.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second <= 0x9f;
  if (lead == 0xf0) return second >= 0x90;
  return lead != 0xf4 || second <= 0x8f;
}

std::string in_words(char byte) { return fmt::format("\\x{:02x}", static_cast<unsigned char>(byte)); }

std::string in_words(const CodePoint& point, char first) {
  if (point.value == '\n') return "\\n";
  if (point.value == '\t') return "\\t";
  if (!point.valid || point.value < 0x80) return in_words(first);
  return point.value > 0xffff ? fmt::format("\\U{:08x}", point.value) : fmt::format("\\u{:04x}", point.value);
}

// As JSON escapes it: in UTF-16.
std::string in_json(const CodePoint& point) {
  if (!point.valid) return "\\ufffd";
  if (point.value <= 0xffff) return fmt::format("\\u{:04x}", point.value);
  uint32_t above = point.value - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (above >> 10), 0xdc00 + (above & 0x3ff));
}

// `show` writes what steers; `keep` names the characters that are left although they would.
template <typename Show>
std::string shown(std::string_view text, std::string_view keep, Show show) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    CodePoint point = first_code_point(text);
    bool kept = keep.find(text[0]) != std::string_view::npos;
    bool good = point.valid && (kept || !steers(point.value));
    out += good ? std::string(text.substr(0, point.bytes)) : show(point, text[0]);
    text.remove_prefix(point.bytes);
  }
  return out;
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  size_t length = sequence_length(lead);
  if (length == 1) return {lead, 1, true};
  CodePoint broken{lead, 1, false};
  if (length == 0 || text.size() < length || !second_byte_fits(lead, static_cast<unsigned char>(text[1])))
    return broken;
  CodePoint point{lead & (0xffu >> (length + 1)), length, true};
  for (size_t i = 1; i < length; ++i) {
    auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return broken;
    point.value = point.value << 6 | (next & 0x3fu);
  }
  return point;
}

bool steers(uint32_t code_point) {
  return std::any_of(kSteering.begin(), kSteering.end(),
                     [=](Range range) { return code_point >= range.first && code_point <= range.last; });
}

std::string printable(std::string_view text) {
  return shown(text, "", [](const CodePoint& point, char first) { return in_words(point, first); });
}

std::string printable_lines(std::string_view text) {
  return shown(text, "\n", [](const CodePoint& point, char first) { return in_words(point, first); });
}

std::string printable_json(std::string_view json) {
  return shown(json, "\n", [](const CodePoint& point, char) { return in_json(point); });
}

}  // namespace ordeal
