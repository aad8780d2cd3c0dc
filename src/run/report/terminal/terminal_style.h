// What a terminal can show.
#pragma once

#include <string>
#include <string_view>

#include "run/report/wording.h"

namespace ordeal::report {

struct TerminalStyle {
  size_t width = 80;
  bool colour = false;
  size_t height = 0;  // lines of a frame, at most; 0 is as many as there are
};

std::string coloured(const std::string& text, Tone tone, const TerminalStyle& style);
std::string bold(const std::string& text, const TerminalStyle& style);
// Broken between words at the style's width; the lines after the first begin with `indent` spaces. What would steer a
// terminal is shown. Each line ends with a newline.
std::string wrapped(std::string_view text, size_t indent, const TerminalStyle& style);

}  // namespace ordeal::report
