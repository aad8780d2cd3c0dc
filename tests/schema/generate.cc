#include "schema/generate.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "fault/attacks/fault.h"
#include "schema/definitions.h"

namespace ordeal::schema {
namespace {

using json::Array;
using json::Object;
using json::Value;

Object reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

Value number(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) return Value(static_cast<int64_t>(value));
  return Value(value);
}

Object bounded(const char* type, double least, double most) {
  return {{"type", type}, {"minimum", number(least)}, {"maximum", number(most)}};
}

Object list_of(Array items) {
  Object item{{"anyOf", items}};
  items.push_back(Object{{"type", "array"}, {"minItems", 1}, {"items", std::move(item)}});
  return {{"anyOf", std::move(items)}};
}

constexpr const char* kPorts =
    "^[, ]*\\^?0*[1-9][0-9]{0,4}(-0*[1-9][0-9]{0,4})?([, ]+\\^?0*[1-9][0-9]{0,4}(-0*[1-9][0-9]{0,4})?)*[, ]*$";

constexpr const char* kAddresses =
    "^[, ]*\\^?[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?([, ]+\\^?[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?)*[, ]*$";

Object schema_of(const ArgumentInfo& info) {
  switch (info.kind) {
    case ArgumentKind::kDuration: {
      double unit = to_seconds(info.unit);
      return {{"anyOf", {bounded("number", info.least / unit, info.most / unit), reference("duration_text")}}};
    }
    case ArgumentKind::kPercent:
      return bounded("number", info.least, std::min(info.most, 100.0));
    case ArgumentKind::kNumber:
      return bounded("number", info.least, info.most);
    case ArgumentKind::kInteger:
      return bounded("integer", info.least, info.most);
    case ArgumentKind::kBoolean:
      return {{"type", "boolean"}};
    case ArgumentKind::kText:
      return reference("text");
    case ArgumentKind::kWord: {
      Array words;
      for (const std::string& choice : info.choices) words.push_back(Value(choice));
      return {{"enum", std::move(words)}};
    }
    case ArgumentKind::kAddressList:
      return list_of({Object{{"type", "string"}, {"pattern", kAddresses}}});
    case ArgumentKind::kTextList:
    case ArgumentKind::kHostList:
      return list_of({reference("text"), Object{{"type", "number"}}});
    case ArgumentKind::kTarget:
      return reference("target");
    case ArgumentKind::kPortList:
      return list_of({bounded("integer", 1, 65535), Object{{"type", "string"}, {"pattern", kPorts}}});
  }
  return {};
}

Object property_of(const ArgumentInfo& info) {
  Object property = schema_of(info);
  std::string help = info.help;
  if (info.kind == ArgumentKind::kDuration && help.find("bare number") == std::string::npos)
    help += fmt::format("; a bare number is in units of {}", format_duration(info.unit));
  property["description"] = info.gremlin.empty() ? help : help + " (Gremlin: " + info.gremlin + ")";
  if (!info.fallback.empty() && info.fallback != "null") property["default"] = json::parse(info.fallback).value();
  return property;
}

bool needs_arguments(const AttackInfo& info) {
  return std::any_of(info.arguments.begin(), info.arguments.end(), [](auto& a) { return a.required(); });
}

Object arguments_of(const AttackInfo& info) {
  Object properties;
  Array required;
  for (const ArgumentInfo& argument : info.arguments) {
    properties[argument.name] = property_of(argument);
    if (argument.required()) required.push_back(Value(argument.name));
  }
  properties["length"] = reference("length");
  Object object{{"type", "object"}, {"description", info.summary}, {"properties", std::move(properties)}};
  object["additionalProperties"] = false;
  if (!required.empty()) object["required"] = std::move(required);
  return object;
}

Object choice_of(const AttackInfo& info) {
  Object then{{"properties", Object{{"args", reference("args_" + info.type)}}}};
  if (needs_arguments(info)) then["required"] = Array{"args"};
  return {{"if", Object{{"properties", Object{{"type", Object{{"const", info.type}}}}}, {"required", {"type"}}}},
          {"then", std::move(then)}};
}

Object attack_definition() {
  Array types, choices;
  for (const fault::Fault* fault : fault::all_faults()) {
    types.push_back(Value(fault->info().type));
    choices.push_back(choice_of(fault->info()));
  }
  Object length = reference("length");
  length["description"] = "How long the fault is in force.";
  return {{"$comment", "made by make_schema from the attacks' own descriptions"},
          {"type", "object"},
          {"properties",
           Object{{"type", Object{{"enum", std::move(types)}, {"description", "docs/attacks.md lists them."}}},
                  {"args", Object{{"type", "object"}, {"description", "The arguments of the attack."}}},
                  {"length", std::move(length)}}},
          {"additionalProperties", false},
          {"required", Array{"type"}},
          {"allOf", std::move(choices)}};
}

void copy_definitions(const Value& value, const Object& from, Object& into) {
  if (value.is_array())
    for (const Value& item : value.get_array()) copy_definitions(item, from, into);
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.get_object()) {
    constexpr std::string_view kPrefix = "#/$defs/";
    if (key != "$ref") {
      copy_definitions(item, from, into);
      continue;
    }
    std::string_view name = std::string_view(item.as_string()).substr(kPrefix.size());
    const Value* definition = from.if_contains(name);
    if (!definition || into.contains(name)) continue;
    into[name] = *definition;
    copy_definitions(*definition, from, into);
  }
}

// A cell of a table.
std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

// "duration from 1us to 1m; a bare number is in units of 1ms"
std::string type_of(const ArgumentInfo& a) {
  if (a.kind == ArgumentKind::kWord) return a.expected();
  std::string type = to_text(a.kind);
  if (a.kind == ArgumentKind::kDuration) return a.expected().substr(2) + "; bare: " + format_duration(a.unit);
  if (a.kind == ArgumentKind::kPercent || a.kind == ArgumentKind::kInteger || a.kind == ArgumentKind::kNumber)
    return a.expected().substr(2);
  return type;
}

std::string row_of(const ArgumentInfo& a) {
  std::string standard = a.required() ? "required" : a.fallback == "null" ? "none" : "`" + a.fallback + "`";
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", a.name, type_of(a), standard, cell(a.help), cell(a.gremlin));
}

std::string bullets(const char* title, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  if (items.size() == 1) return fmt::format("- **{}**: {}\n", title, items[0]);
  return fmt::format("- **{}**:\n  - {}\n", title, join(items, "\n  - "));
}

std::string section_of(const AttackInfo& info) {
  std::string text = fmt::format("\n## {}\n\n{}\n\n", info.type, info.summary);
  text += fmt::format("- **Undo**: {}\n", undo_in_words(info)) +
          bullets("Mechanisms, in order of preference", info.mechanisms) + bullets("Needs", info.capabilities) +
          bullets("Proof", {info.proof}) + bullets("Noticed at most by", {info.noticed}) +
          bullets("Limits", info.limits) + bullets("Protection is checked on", {info.judged}) +
          bullets("If Ordeal's own cgroup is frozen", {info.when_frozen});
  text += "\n```yaml\n" + info.example + "```\n";
  if (info.arguments.empty()) return text + "\nNo arguments but `length`.\n";
  text += "\n| argument | type | default | meaning | Gremlin |\n|---|---|---|---|---|\n";
  for (const ArgumentInfo& argument : info.arguments) text += row_of(argument);
  return text;
}

constexpr const char* kPageHead =
    "# Attacks\n\n"
    "Made by `make_schema` from the attacks' own descriptions; `ordeal attacks TYPE` prints the same.\n\n"
    "Every attack also takes `length` (in `attack.args`, in `attack`, or at the top of the file): how long it is in "
    "force, above 0 and at most 24h, 60s by default, bare numbers in seconds. A duration with a unit is a string "
    "(`500ms`, `1m30s`); a bare number is in the unit that the table gives. A list may be a list, a single item, or "
    "comma-separated text. The kinds of undo: *owned*, the kernel ends it with its owner; *journalled*, the reaper "
    "undoes it; *irreversible*, it cannot be undone.\n";

}  // namespace

Value with_attacks(Value experiment_schema) {
  Object& definitions = experiment_schema.at("$defs").as_object();
  definitions["attack"] = attack_definition();
  for (auto it = definitions.begin(); it != definitions.end();)
    it = it->key().starts_with("args_") ? definitions.stable_erase(it) : it + 1;
  for (const fault::Fault* fault : fault::all_faults())
    definitions["args_" + fault->info().type] = arguments_of(fault->info());
  return experiment_schema;
}

Value with_definitions(Value schema, const Value& from) {
  Object& into = schema.at("$defs").as_object();
  copy_definitions(Value(schema), from.at("$defs").as_object(), into);
  return schema;
}

std::string attacks_page() {
  std::string text = kPageHead;
  for (const fault::Fault* fault : fault::all_faults()) text += section_of(fault->info());
  return text;
}

std::vector<Generated> generate(const std::string& root) {
  auto read = [&](const std::string& name) {
    auto text = read_file(root + "/" + name);
    return json::parse(text.value()).value();
  };
  std::string first = "schema/experiment.schema.json";
  Value experiment = with_attacks(read(first));
  std::vector<Generated> files{{first, json::write_pretty(experiment) + "\n"}, {"docs/attacks.md", attacks_page()}};
  for (Generated& definition : resource_definitions(experiment)) files.push_back(std::move(definition));
  for (std::string name : {"expectations", "inventory", "policy"}) {
    std::string file = "schema/" + name + ".schema.json";
    Value schema = read(file);
    // What experiments define has one master; the rest is the file's own.
    for (const auto& [key, unused] : experiment.at("$defs").as_object())
      schema.at("$defs").as_object().stable_erase(key);
    files.push_back({file, json::write_pretty(with_definitions(std::move(schema), experiment)) + "\n"});
  }
  return files;
}

}  // namespace ordeal::schema
