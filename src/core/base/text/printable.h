// What others named and wrote (processes, files, answers) as text that cannot steer a terminal. Controls (C0, DEL, C1),
// marks that turn the direction of writing or have no width, and broken UTF-8 are shown as what they are: \x1b, \n,
// \u202e. Other text is left as it is; a backslash is not doubled, since nothing reads it back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ordeal {

// The first code point of a text that is not empty. Not valid: one byte that begins no UTF-8 sequence.
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 1;
  bool valid = true;
};
CodePoint first_code_point(std::string_view text);

// It would steer a terminal or hide from the reader: a control (also newline and tab), a direction mark, a character
// without width, a noncharacter.
bool steers(uint32_t code_point);

// One line.
std::string printable(std::string_view text);
// Lines stay lines.
std::string printable_lines(std::string_view text);
// JSON that means the same: what printable() would show is escaped as JSON does.
std::string printable_json(std::string_view json);

}  // namespace ordeal
