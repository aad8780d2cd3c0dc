#include <fmt/format.h>

#include "app/cli/manual/completion.h"
#include "app/cli/manual/values.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

constexpr const char* kZshHead = R"sh(#compdef ordeal
# zsh completion of ordeal, made from its description of the command line

_ordeal_ask() {
  local -a values
  values=(${(f)"$(_call_program values ordeal completion --values $1 2>/dev/null)"})
  compadd -a values
}

_ordeal() {
  local curcontext=$curcontext state line
  local -a commands
)sh";

// A text in the specification of an option, in single quotes.
std::string zsh_text(std::string_view text) {
  std::string made;
  for (char c : text) {
    if (c == '\'') {
      made += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') made += '\\';
    made += c == '\n' ? ' ' : c;
  }
  return made;
}

std::string zsh_action(const Values& values) {
  switch (values.kind) {
    case Values::Kind::kFiles:
      return "_files";
    case Values::Kind::kFolders:
      return "_files -/";
    case Values::Kind::kWords:
      return "(" + join(values.words, " ") + ")";
    case Values::Kind::kAsked:
      return "{_ordeal_ask " + values.words.front() + "}";
    case Values::Kind::kAny:
      break;
  }
  return " ";
}

// '(-q --quiet)'{-q,--quiet}'[Print the verdict only]'
std::string zsh_option(const ProgramOutline& all, const CommandOutline& command, const OptionOutline& option) {
  std::string value, takes;
  if (!option.value.empty()) {
    value = ":" + zsh_text(option.value) + ":" + zsh_action(values_of(all, command, option));
    takes = "=";
  }
  std::string lines;
  for (const std::string& name : option.names) {
    std::string excluded = option.repeats ? "*" : "(" + join(option.names, " ") + ")";
    std::string sign = name.starts_with("--") ? takes : takes.empty() ? "" : "+";
    lines += fmt::format(" \\\n        '{}{}{}[{}]{}'", excluded, name, sign, zsh_text(option.what), value);
  }
  return lines;
}

std::string zsh_command(const ProgramOutline& all, const CommandOutline& command) {
  std::string specs;
  for (const OptionOutline& option : command.options) specs += zsh_option(all, command, option);
  for (const OptionOutline& option : command.positionals)
    specs += fmt::format(" \\\n        '{}:{}:{}'",
                         option.repeats    ? "*"
                         : option.required ? ""
                                           : ":",
                         zsh_text(option.names.front()), zsh_action(values_of(all, command, option)));
  return specs;
}

}  // namespace

std::string zsh_completion(const ProgramOutline& all) {
  std::string names, cases;
  for (const CommandOutline& command : all.commands) {
    names += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.what));
    cases += fmt::format("      {}) _arguments{} ;;\n", command.name, zsh_command(all, command));
  }
  return fmt::format(
      "{}  commands=(\n{}  )\n"
      "  _arguments -C{} \\\n        '1:command:->command' \\\n        '*::argument:->argument'\n"
      "  case $state in\n    command) _describe command commands ;;\n"
      "    argument) case $line[1] in\n{}    esac ;;\n  esac\n}}\n\n_ordeal \"$@\"\n",
      kZshHead, names, zsh_command(all, all.program), cases);
}

}  // namespace ordeal::cli
