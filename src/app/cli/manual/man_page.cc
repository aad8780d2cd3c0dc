#include "app/cli/manual/man_page.h"

#include <fmt/format.h>

#include "app/cli/manual/exits.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

// Text in which nothing is a request or an escape of roff, and a minus can be copied.
std::string plain(std::string_view text) {
  std::string made;
  for (size_t i = 0; i < text.size(); ++i) {
    bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (text[i] == '.' || text[i] == '\'')) made += "\\&";
    if (text[i] == '\\') {
      made += "\\e";
    } else if (text[i] == '-') {
      made += "\\-";
    } else {
      made += text[i];
    }
  }
  return made;
}

std::string bold(std::string_view text) { return "\\fB" + plain(text) + "\\fR"; }
std::string slanted(std::string_view text) { return "\\fI" + plain(text) + "\\fR"; }

std::string head(const std::string& title) {
  std::string upper;
  for (char c : title) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return fmt::format(".TH {} 1 \"\" \"ordeal {}\" \"Ordeal\"\n.nh\n.ad l\n", plain(upper), ORDEAL_VERSION);
}

std::string section(std::string_view title, const std::string& text) {
  return text.empty() ? "" : fmt::format(".SH {}\n{}", title, text);
}

std::string item(const std::string& term, const std::string& text) { return ".TP\n" + term + "\n" + text + "\n"; }

std::string paragraph(std::string_view text) { return plain(text) + (text.ends_with('.') ? "\n" : ".\n"); }

std::string verbatim(std::string_view text) { return text.empty() ? "" : ".PP\n.nf\n" + plain(text) + "\n.fi\n"; }

std::string term_of(const OptionOutline& option) {
  std::string names;
  for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
  return option.value.empty() ? names : names + " " + slanted(option.value);
}

std::string text_of(const OptionOutline& option) {
  std::string text = option.what;
  if (!option.choices.empty()) text += " (" + join(option.choices, ", ") + ")";
  if (!option.fallback.empty()) text += "; " + option.fallback + " when absent";
  if (!option.environment.empty()) text += "; " + option.environment + " in the environment stands for it";
  return plain(text + (text.ends_with('.') ? "" : "."));
}

std::string options_of(const CommandOutline& command) {
  std::string text;
  for (const OptionOutline& option : command.options) text += item(term_of(option), text_of(option));
  return text;
}

std::string arguments_of(const CommandOutline& command) {
  std::string text;
  for (const OptionOutline& option : command.positionals) text += item(slanted(option.names.front()), text_of(option));
  return text;
}

std::string usage_of(const CommandOutline& command) {
  std::string usage = bold("ordeal " + command.name) + " [" + slanted("options") + "]";
  for (const OptionOutline& option : command.positionals) {
    std::string one = slanted(option.names.front()) + (option.repeats ? " ..." : "");
    usage += option.required ? " " + one : " [" + one + "]";
  }
  return usage + "\n";
}

std::string exit_status(const std::string& command) {
  std::string text;
  for (const ExitMeaning& exit : exits_of(command)) text += item(bold(std::to_string(exit.code)), paragraph(exit.what));
  return text;
}

std::string commands_of(const ProgramOutline& all) {
  std::string text;
  for (const CommandOutline& command : all.commands) text += item(bold(command.name), paragraph(command.what));
  return text;
}

std::string files() {
  return item(slanted("/etc/ordeal/policy.yaml"),
              "Blast radius, protection and caps, for every run of this host. Not there after an installation: "
              "a sample is in /usr/share/doc/ordeal/examples.") +
         item(slanted("/var/lib/ordeal"), "The record of root\\(aqs runs, the journals, and the halt latch.") +
         item(slanted("/run/ordeal"), "Which run holds what.") +
         item(slanted("~/.local/state/ordeal"), "The same of a user who is not root.");
}

std::string see_also(const ProgramOutline& all) {
  std::string text;
  for (const CommandOutline& command : all.commands) text += bold("ordeal-" + command.name) + "(1),\n";
  return text + bold("ordeal-guard") + "(8)\n.PP\n" + bold("ordeal docs") + " prints the pages on every format.\n";
}

}  // namespace

std::string program_page(const ProgramOutline& all) {
  return head("ordeal") + section("NAME", "ordeal \\- break a system on purpose, and prove that it survives\n") +
         section("SYNOPSIS", bold("ordeal") + " " + slanted("command") + " [" + slanted("options") + "]\n.br\n" +
                                 bold("ordeal help") + " [" + slanted("command") + "]\n") +
         section("DESCRIPTION", paragraph(all.program.what) + verbatim(all.program.footer)) +
         section("COMMANDS", commands_of(all)) + section("OPTIONS", options_of(all.program)) +
         section("EXIT STATUS", exit_status("")) + section("FILES", files()) + section("SEE ALSO", see_also(all));
}

std::string command_page(const CommandOutline& command) {
  std::string title = "ordeal-" + command.name;
  return head(title) + section("NAME", plain(title) + " \\- " + plain(command.what) + "\n") +
         section("SYNOPSIS", usage_of(command)) +
         section("DESCRIPTION", paragraph(command.what) + verbatim(command.footer)) +
         section("ARGUMENTS", arguments_of(command)) + section("OPTIONS", options_of(command)) +
         section("EXIT STATUS", exit_status(command.name)) + section("SEE ALSO", bold("ordeal") + "(1)\n");
}

}  // namespace ordeal::cli
