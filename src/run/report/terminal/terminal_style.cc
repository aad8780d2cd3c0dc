#include "run/report/terminal/terminal_style.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text/printable.h"
#include "core/base/text/text.h"
#include "run/report/terminal/columns.h"

namespace ordeal::report {

std::string coloured(const std::string& text, Tone tone, const TerminalStyle& style) {
  static constexpr std::array kCodes{"32", "31", "1;35", "2"};
  if (!style.colour) return text;
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<size_t>(tone)], text);
}

std::string bold(const std::string& text, const TerminalStyle& style) {
  return style.colour ? "\x1b[1m" + text + "\x1b[0m" : text;
}

std::string wrapped(std::string_view text, size_t indent, const TerminalStyle& style) {
  std::string shown = printable(text), out, line;
  size_t leading = std::min(shown.find_first_not_of(' '), shown.size());
  line.append(leading, ' ');
  bool fresh = true;
  for (std::string_view word : split_words(shown, " \n")) {
    if (!fresh && columns(line) + 1 + columns(word) > style.width) {
      out += line + "\n";
      line.assign(indent, ' ');
      fresh = true;
    }
    if (!std::exchange(fresh, false)) line += ' ';
    line += word;
  }
  return out + line + "\n";
}

}  // namespace ordeal::report
