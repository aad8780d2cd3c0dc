// attacks: the reference of every attack, made from its own description.
#include <fmt/format.h>

#include "base/duration.h"
#include "cli/commands.h"
#include "fault/fault.h"

namespace ordeal::cli {
namespace {

const char* kind_text(ArgumentKind kind) {
  constexpr const char* kTexts[] = {"duration", "percent",   "whole number",  "true or false",
                                    "text",     "text list", "list of ports", "list of hosts"};
  return kTexts[static_cast<size_t>(kind)];
}

std::string default_text(const ArgumentInfo& argument) {
  if (argument.fallback.empty()) return "required";
  return argument.fallback == "null" ? "none" : "default " + argument.fallback;
}

void print_full(const AttackInfo& info) {
  fmt::print("{}: {}\n\nArguments\n", info.type, info.summary);
  for (const ArgumentInfo& argument : info.arguments) {
    fmt::print("  {:<14} {} ({})\n                 {}\n", argument.name, kind_text(argument.kind),
               default_text(argument), argument.help);
    if (argument.kind == ArgumentKind::kDuration)
      fmt::print("                 a bare number counts {}\n", format_duration(argument.unit));
    if (!argument.gremlin.empty()) fmt::print("                 Gremlin: {}\n", argument.gremlin);
  }
  fmt::print("  {:<14} duration (default 60s)\n                 How long the attack is in force\n", "length");
  fmt::print("\nUndo      {}\nProof     {}\n", to_text(info.step), info.proof);
  for (const std::string& mechanism : info.mechanisms) fmt::print("Mechanism {}\n", mechanism);
  for (const std::string& capability : info.capabilities) fmt::print("Needs     {}\n", capability);
  for (const std::string& limit : info.limits) fmt::print("Limit     {}\n", limit);
}

json::Value to_json(const AttackInfo& info) {
  json::Array arguments;
  for (const ArgumentInfo& a : info.arguments)
    arguments.push_back(json::Object{{"name", a.name},
                                     {"kind", kind_text(a.kind)},
                                     {"default", a.fallback},
                                     {"help", a.help},
                                     {"gremlin", a.gremlin}});
  return json::Object{{"type", info.type},
                      {"summary", info.summary},
                      {"undo", to_text(info.step)},
                      {"proof", info.proof},
                      {"arguments", std::move(arguments)}};
}

}  // namespace

ExitCode attacks_command(const std::string& type, bool json) {
  if (!type.empty()) {
    auto fault = fault::find_fault(type);
    if (!fault) return print_error(fault.error());
    if (json) fmt::print("{}\n", json::write(to_json((*fault)->info())));
    if (!json) print_full((*fault)->info());
    return ExitCode::kHeld;
  }
  for (const fault::Fault* fault : fault::all_faults()) {
    if (json) fmt::print("{}\n", json::write(to_json(fault->info())));
    if (!json) fmt::print("{:<16} {} [{}]\n", fault->info().type, fault->info().summary, to_text(fault->info().step));
  }
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
