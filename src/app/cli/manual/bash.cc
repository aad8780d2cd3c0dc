#include <fmt/format.h>

#include "app/cli/manual/completion.h"
#include "app/cli/manual/values.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

constexpr const char* kTail = R"sh(
_ordeal_offer() {
  case $1 in
    files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    words\ *) mapfile -t COMPREPLY < <(compgen -W "${1#words }" -- "$cur") ;;
    ask\ *) mapfile -t COMPREPLY < <(compgen -W "$("$program" completion --values "${1#ask }" 2>/dev/null)" -- "$cur") ;;
  esac
}

_ordeal() {
  local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local command='' word count=0 skip='' i
  COMPREPLY=()
  if [[ $cur == = ]]; then cur=''; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == = ]]; then continue
    elif [[ -n $skip ]]; then skip=''
    elif [[ $word == -* ]]; then skip=$(_ordeal_value "$command" "$word")
    elif [[ -z $command ]]; then command=$word
    else ((++count))
    fi
  done
  if [[ -n $skip ]]; then _ordeal_offer "$skip"
  elif [[ $cur == -* ]]; then _ordeal_offer "words $(_ordeal_options "$command")"
  elif [[ -z $command ]]; then _ordeal_offer "words $(_ordeal_commands)"
  else _ordeal_offer "$(_ordeal_argument "$command" "$count")"
  fi
}
complete -F _ordeal ordeal
)sh";

std::string bash_kind(const Values& values) {
  switch (values.kind) {
    case Values::Kind::kFiles:
      return "files";
    case Values::Kind::kFolders:
      return "folders";
    case Values::Kind::kWords:
      return "words " + join(values.words, " ");
    case Values::Kind::kAsked:
      return "ask " + values.words.front();
    case Values::Kind::kAny:
      break;
  }
  return "any";
}

std::string bash_function(const char* name, const std::string& subject, const std::string& cases) {
  return fmt::format("\n{}() {{\n  case {} in\n{}  esac\n}}\n", name, subject, cases);
}

std::string bash_case(const std::string& pattern, const std::string& answer) {
  return fmt::format("    {}) echo '{}' ;;\n", pattern, answer);
}

std::string bash_options(const CommandOutline& command) {
  std::vector<std::string> names;
  for (const OptionOutline& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return bash_case(command.name.empty() ? "''" : command.name, join(names, " "));
}

std::string bash_values(const ProgramOutline& all, const CommandOutline& command) {
  std::string cases;
  for (const OptionOutline& option : command.options)
    if (!option.value.empty())
      for (const std::string& name : option.names)
        cases += bash_case(fmt::format("'{} {}'", command.name, name), bash_kind(values_of(all, command, option)));
  return cases;
}

std::string bash_arguments(const ProgramOutline& all, const CommandOutline& command) {
  std::string cases;
  size_t count = 0;
  for (const OptionOutline& option : command.positionals) {
    std::string which =
        option.repeats ? fmt::format("'{} '*", command.name) : fmt::format("'{} {}'", command.name, count);
    cases += bash_case(which, bash_kind(values_of(all, command, option)));
    ++count;
  }
  return cases;
}

}  // namespace

std::string bash_completion(const ProgramOutline& all) {
  std::string options = bash_options(all.program), values, arguments;
  std::vector<std::string> names;
  for (const CommandOutline& command : all.commands) {
    names.push_back(command.name);
    options += bash_options(command);
    values += bash_values(all, command);
    arguments += bash_arguments(all, command);
  }
  return "# bash completion of ordeal, made from its description of the command line\n"
         "\n_ordeal_commands() {\n  echo '" +
         join(names, " ") + "'\n}\n" + bash_function("_ordeal_options", "$1", options) +
         "\n# What the option $2 of the command $1 takes; nothing for a flag." +
         bash_function("_ordeal_value", "\"$1 $2\"", values) + "\n# The argument number $2 of the command $1." +
         bash_function("_ordeal_argument", "\"$1 $2\"", arguments) + kTail;
}

}  // namespace ordeal::cli
