// What each exit code of a command means. --help and the man pages say the same of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal::cli {

struct ExitMeaning {
  int code;
  std::string_view what;
};

// `command` "" is the program: every code there is. None for a command that is not in the table.
std::vector<ExitMeaning> exits_of(std::string_view command);
// "Exit codes: 0 held, 1 deviated, …" in lines of at most 100 characters; "" where exits_of has none.
std::string exits_text(std::string_view command);

}  // namespace ordeal::cli
