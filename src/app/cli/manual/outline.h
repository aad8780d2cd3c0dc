// The command line as data, read off the description (description.h): what man pages and completions are made of.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace ordeal::cli {

struct OptionOutline {
  std::vector<std::string> names;    // "-q", "--quiet"; of a positional its one name, such as "experiment"
  std::string value;                 // "FILE"; "" is a flag
  std::vector<std::string> choices;  // all that the value can be; empty: not enumerable
  std::string what;
  std::string fallback;     // "" is none
  std::string environment;  // the variable that gives it, "" is none
  bool required = false;
  bool repeats = false;
};

struct CommandOutline {
  std::string name;  // "run"; "" is the program
  std::string what;
  std::string footer;  // without the exit codes
  std::vector<OptionOutline> options;
  std::vector<OptionOutline> positionals;
};

struct ProgramOutline {
  CommandOutline program;
  std::vector<CommandOutline> commands;  // as they are described, without hidden ones
};

ProgramOutline outline(const CLI::App& app);
// What `ordeal COMMAND --help` prints; of the program for "".
std::string help_text(const CLI::App& app, const std::string& command);

}  // namespace ordeal::cli
