#include <fmt/format.h>

#include "app/cli/manual/completion.h"
#include "app/cli/manual/values.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

constexpr const char* kFishHead = R"sh(# fish completion of ordeal, made from its description of the command line

# Whether the command is $argv[1]; '' is none yet.
function __ordeal_is
    set -l words (commandline -opc)
    set -l command ''
    for word in $words[2..-1]
        if not string match -q -- '-*' $word
            set command $word
            break
        end
    end
    test "$command" = "$argv[1]"
end

complete -c ordeal -f
)sh";

std::string fish_text(std::string_view text) {
  std::string made = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') made += '\\';
    made += c == '\n' ? ' ' : c;
  }
  return made + "'";
}

std::string fish_values(const Values& values) {
  switch (values.kind) {
    case Values::Kind::kFiles:
      return " -r -F";
    case Values::Kind::kFolders:
      return " -x -a '(__fish_complete_directories (commandline -ct))'";
    case Values::Kind::kWords:
      return " -x -a " + fish_text(join(values.words, " "));
    case Values::Kind::kAsked:
      return " -x -a '(ordeal completion --values " + values.words.front() + " 2>/dev/null)'";
    case Values::Kind::kAny:
      break;
  }
  return " -x";
}

std::string when(const CommandOutline& command) {
  return fmt::format("complete -c ordeal -n \"__ordeal_is '{}'\"", command.name);
}

std::string fish_option(const ProgramOutline& all, const CommandOutline& command, const OptionOutline& option) {
  std::string line = when(command);
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.value.empty()) line += fish_values(values_of(all, command, option));
  return line + " -d " + fish_text(option.what) + "\n";
}

std::string fish_argument(const ProgramOutline& all, const CommandOutline& command, const OptionOutline& option) {
  Values values = values_of(all, command, option);
  if (values.kind == Values::Kind::kAny) return "";
  std::string offered = fish_values(values);
  // -r and -x are of an option; an argument only has what it offers.
  return when(command) + offered.substr(3) + "\n";
}

std::string fish_command(const ProgramOutline& all, const CommandOutline& command) {
  std::string lines = "\n";
  for (const OptionOutline& option : command.options) lines += fish_option(all, command, option);
  for (const OptionOutline& option : command.positionals) lines += fish_argument(all, command, option);
  return lines;
}

}  // namespace

std::string fish_completion(const ProgramOutline& all) {
  std::string text = kFishHead;
  for (const CommandOutline& command : all.commands)
    text +=
        fmt::format("complete -c ordeal -n \"__ordeal_is ''\" -a {} -d {}\n", command.name, fish_text(command.what));
  text += fish_command(all, all.program);
  for (const CommandOutline& command : all.commands) text += fish_command(all, command);
  return text;
}

}  // namespace ordeal::cli
