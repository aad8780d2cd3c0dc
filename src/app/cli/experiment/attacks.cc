// attacks: the reference of every attack, made from its own description.
#include <fmt/format.h>

#include "app/cli/commands.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "fault/attacks/fault.h"

namespace ordeal::cli {
namespace {

std::string default_text(const ArgumentInfo& argument) {
  if (argument.required()) return "required";
  return argument.fallback == "null" ? "none" : "default " + argument.fallback;
}

void print_argument(const ArgumentInfo& argument) {
  print("  {:<14} {} ({})\n{:17}{}\n", argument.name, argument.expected(), default_text(argument), "", argument.help);
  if (argument.kind == ArgumentKind::kDuration)
    print("{:17}a bare number is in units of {}\n", "", format_duration(argument.unit));
  if (!argument.gremlin.empty()) print("{:17}Gremlin: {}\n", "", argument.gremlin);
}

void print_full(const AttackInfo& info) {
  print("{}: {}\n\nArguments\n", info.type, info.summary);
  for (const ArgumentInfo& argument : info.arguments) print_argument(argument);
  print("  {:<14} a duration above 0 and at most 24h (default 60s)\n{:17}How long the attack is in force\n", "length",
        "");
  print("\nUndo      {}\nProof     {}\n", undo_in_words(info), info.proof);
  print("Noticed   at most: {}\n", info.noticed);
  for (const std::string& mechanism : info.mechanisms) print("Mechanism {}\n", mechanism);
  for (const std::string& capability : info.capabilities) print("Needs     {}\n", capability);
  for (const std::string& limit : info.limits) print("Limit     {}\n", limit);
  print("Checked   protection is checked on {}\n", info.judged);
  print("Frozen    if Ordeal's own cgroup is frozen: {}\n", info.when_frozen);
  print("\nExample: a complete experiment (`ordeal plan FILE` shows what it would do)\n");
  for (std::string_view line : split_words(info.example, "\n")) print("  {}\n", line);
}

json::Value to_json(const ArgumentInfo& a) {
  json::Object object{{"name", a.name}, {"kind", to_text(a.kind)}, {"expected", a.expected()}};
  object["required"] = a.required();
  object["default"] = a.required() ? json::Value() : json::parse(a.fallback).value();
  if (a.kind == ArgumentKind::kDuration) {
    object["unit"] = format_duration(a.unit);
    object["least"] = format_duration(from_seconds(a.least));
    object["most"] = format_duration(from_seconds(a.most));
  } else if (a.kind == ArgumentKind::kPercent || a.kind == ArgumentKind::kInteger || a.kind == ArgumentKind::kNumber) {
    object["unit"] = a.kind == ArgumentKind::kPercent ? "%" : "";
    object["least"] = a.least;
    object["most"] = a.most;
  }
  if (!a.choices.empty()) object["choices"] = json::texts(a.choices);
  object["help"] = a.help;
  object["gremlin"] = a.gremlin;
  return object;
}

json::Value to_json(const AttackInfo& info) {
  json::Array arguments;
  for (const ArgumentInfo& argument : info.arguments) arguments.push_back(to_json(argument));
  return json::Object{{"type", info.type},
                      {"summary", info.summary},
                      {"undo", undo_in_words(info)},
                      {"only_looks", info.only_looks},
                      {"mechanisms", json::texts(info.mechanisms)},
                      {"capabilities", json::texts(info.capabilities)},
                      {"proof", info.proof},
                      {"noticed", info.noticed},
                      {"limits", json::texts(info.limits)},
                      {"judged", info.judged},
                      {"when_frozen", info.when_frozen},
                      {"lead_in", info.lead_in.empty() ? json::Value() : json::Value(info.lead_in)},
                      {"arguments", std::move(arguments)},
                      {"example", info.example}};
}

}  // namespace

ExitCode attacks_command(const std::string& type, bool json) {
  if (!type.empty()) {
    auto fault = fault::find_fault(type);
    if (!fault) return print_error(fault.error());
    if (json) print_json(to_json((*fault)->info()));
    if (!json) print_full((*fault)->info());
    return ExitCode::kHeld;
  }
  for (const fault::Fault* fault : fault::all_faults()) {
    if (json) print_json(to_json(fault->info()));
    if (!json) print("{:<16} {} [{}]\n", fault->info().type, fault->info().summary, undo_in_words(fault->info()));
  }
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
