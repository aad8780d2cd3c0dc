#include "app/cli/manual/values.h"

#include "fault/attacks/fault.h"
#include "run/session/draft/templates.h"

namespace ordeal::cli {
namespace {

std::vector<std::string> attack_types() {
  std::vector<std::string> types;
  for (const fault::Fault* fault : fault::all_faults()) types.push_back(fault->info().type);
  return types;
}

std::vector<std::string> command_names(const ProgramOutline& all) {
  std::vector<std::string> names;
  for (const CommandOutline& command : all.commands) names.push_back(command.name);
  return names;
}

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const session::Template& one : session::templates()) names.push_back(one.name);
  return names;
}

}  // namespace

Values values_of(const ProgramOutline& all, const CommandOutline& command, const OptionOutline& option) {
  using Kind = Values::Kind;
  if (!option.choices.empty()) return {Kind::kWords, option.choices};
  if (option.value == "FILE") return {Kind::kFiles};
  if (option.value == "DIR") return {Kind::kFolders};
  if (option.value == "TYPE" || option.value == "ATTACK") return {Kind::kWords, attack_types()};
  if (option.value == "TARGET|TEMPLATE") return {Kind::kWords, template_names()};
  if (option.value == "COMMAND") return {Kind::kWords, command_names(all)};
  if (option.value == "TOPIC") return {Kind::kAsked, {"topics"}};
  if (option.value == "RUN") return {Kind::kAsked, {command.name == "halt" ? "live-runs" : "runs"}};
  return {};
}

}  // namespace ordeal::cli
