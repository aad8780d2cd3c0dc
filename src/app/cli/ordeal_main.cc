// ordeal: reads the command line (description.h), which calls one function of commands.h.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "app/cli/description.h"
#include "core/base/io/output.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"

namespace {

using namespace ordeal;
using namespace ordeal::cli;

std::vector<std::string> names(const CLI::App& app) {
  std::vector<std::string> all;
  for (const CLI::App* command : app.get_subcommands({})) all.push_back(command->get_name());
  return all;
}

// The command that was begun: its --help says more than the program's.
std::string begun(const CLI::App& app) {
  auto parsed = app.get_subcommands();
  return parsed.empty() ? "ordeal" : "ordeal " + parsed.front()->get_name();
}

// One precise error; CLI11's own say "a subcommand is required" of a misspelled one.
ExitCode complain(const CLI::App& app, const std::string& first, const std::string& why) {
  std::vector<std::string> known = names(app);
  bool is_command = std::find(known.begin(), known.end(), first) != known.end();
  if (first.empty()) {
    put_error(app.help());
  } else if (!is_command && first.front() != '-') {
    std::string near = json::nearest(first, {known.begin(), known.end()});
    std::string advice = near.empty() ? "known commands: " + join(known, ", ") : "did you mean \"" + near + "\"?";
    print_to_error("ordeal: unknown command \"{}\"; {}\n", first, advice);
  } else {
    print_to_error("ordeal: {}\n  see `{} --help`\n", why, begun(app));
  }
  return ExitCode::kBadInput;
}

// --help and --version, which CLI11 throws.
ExitCode show_help(const CLI::App& app, const CLI::ParseError& asked) {
  std::ostringstream text;
  app.exit(asked, text, text);
  put_document(text.str());
  return ExitCode::kHeld;
}

// Everybody may read the command line of a process. CLI11 wants the last one first.
std::vector<std::string> take_arguments(int argc, char** argv) {
  std::vector<std::string> taken;
  for (int i = argc - 1; i > 0; --i) {
    std::string& text = taken.emplace_back(argv[i]);
    std::string shown = hide_secrets(text);
    if (shown == text) continue;
    shown.resize(text.size(), '*');
    std::copy(shown.begin(), shown.end(), argv[i]);
  }
  return taken;
}

ExitCode parse_and_run(CLI::App& app, std::vector<std::string> arguments, const Choice& choice) {
  std::string first = arguments.empty() ? "" : arguments.back();
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return show_help(app, error);
    return complain(app, first, error.what());
  } catch (const std::exception& error) {
    print_to_error("ordeal: internal error: {}\n", error.what());
    return ExitCode::kInternal;
  }
  return choice.code;
}

}  // namespace

int main(int argc, char** argv) {
  guard_output();
  Choice choice;
  auto app = describe(choice);
  ExitCode code = parse_and_run(*app, take_arguments(argc, argv), choice);
  if (!finish_output()) code = stronger(code, ExitCode::kInternal);  // what nobody could read was not said
  return static_cast<int>(code);
}
