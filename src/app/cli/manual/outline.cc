#include "app/cli/manual/outline.h"

#include <CLI/CLI.hpp>

#include "app/cli/manual/exits.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

bool is_shown(const CLI::Option& option) { return !option.get_group().empty(); }

// CLI11 names the words of a check behind the type: "TEXT:{html,json}".
std::vector<std::string> choices_in(const std::string& type) {
  size_t begin = type.find('{'), end = type.rfind('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::vector<std::string> words;
  std::string_view inside = std::string_view(type).substr(begin + 1, end - begin - 1);
  for (std::string_view word : split_words(inside, ",")) words.emplace_back(word);
  return words;
}

std::vector<std::string> names_of(const CLI::Option& option) {
  if (option.get_positional()) return {option.get_name(true, false)};
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

OptionOutline outline_of(const CLI::Option& option) {
  OptionOutline made;
  made.names = names_of(option);
  std::string type = option.get_type_name();
  made.choices = choices_in(type);
  bool is_flag = option.get_expected_max() == 0;
  if (!is_flag) made.value = type.substr(0, type.find(":{"));
  made.what = option.get_description();
  made.fallback = is_flag ? "" : option.get_default_str();
  made.environment = option.get_envname();
  made.required = option.get_required();
  made.repeats = option.get_expected_max() >= CLI::detail::expected_max_vector_size;
  return made;
}

std::string own_footer(const CLI::App& app) {
  std::string footer = app.get_footer(), exits = exits_text(app.get_parent() ? app.get_name() : "");
  if (size_t at = footer.find(exits); !exits.empty() && at != std::string::npos) footer.erase(at, exits.size());
  return std::string(trim(footer));
}

CommandOutline command_of(const CLI::App& app) {
  CommandOutline made;
  if (app.get_parent()) made.name = app.get_name();
  made.what = app.get_description();
  made.footer = own_footer(app);
  for (const CLI::Option* option : app.get_options())
    if (is_shown(*option)) (option->get_positional() ? made.positionals : made.options).push_back(outline_of(*option));
  return made;
}

}  // namespace

ProgramOutline outline(const CLI::App& app) {
  ProgramOutline made{command_of(app), {}};
  for (const CLI::App* command : app.get_subcommands({}))
    if (!command->get_group().empty()) made.commands.push_back(command_of(*command));
  return made;
}

std::string help_text(const CLI::App& app, const std::string& command) {
  if (!command.empty()) return app.get_subcommand(command)->help(app.get_name());
  return app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
}

}  // namespace ordeal::cli
