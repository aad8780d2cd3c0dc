#include "schema/structural.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

namespace ordeal::schema {
namespace {

using json::Array;
using json::Object;
using json::Value;

// Rules of one definition of the experiment's schema. A rule can speak only of what has one type.
struct Rule {
  std::string_view definition;
  const char* rule;
  const char* message;
};
constexpr const char* kHostOnly = "only a host has it: describe the pods by labels, selector or workload";
constexpr const char* kNoCommand = "a command is run on a host only: here it would run in the controller";
constexpr Rule kRules[] = {
    {"experiment", "!has(self.attacks)", "attacks: only a host does it, and this is a cluster"},
    {"experiment", "!has(self.pulse)", "pulse: only a host does it, and this is a cluster"},
    {"experiment", "!has(self.ramp)", "ramp: only a host does it, and this is a cluster"},
    {"experiment", "!has(self.budget)", "budget: a controller has no files: an error budget is checked on a host only"},
    {"experiment", "!has(self.traffic)", "traffic: \"traffic\" is not supported by this version of Ordeal"},
    {"experiment", "!has(self.findings)", "findings: \"findings\" is not supported by this version of Ordeal"},
    {"target", "!(has(self.percentage) && has(self.count))", "give percentage or count, not both"},
    {"target", "!(self.type in ['process', 'systemd'])",
     "processes and systemd units are found on a host only: say kubernetes, container or node"},
    {"target", "!has(self.pattern)", kHostOnly},
    {"target", "!has(self.user)", kHostOnly},
    {"target", "!has(self.cgroup)", kHostOnly},
    {"target", "!(self.type == 'node' && has(self.__namespace__))", "a node has a name, labels and a zone only"},
    {"target", "!(self.type in ['node', 'host'] && has(self.follow))", "only pods are followed"},
    {"exclude", "!(has(self.selector) && has(self.labels))", "give labels or selector, not both"},
    {"sources", "!has(self.access) || has(self.prometheus)", "there is no prometheus to which access is given"},
    {"access", "!(has(self.token) && has(self.username))", "give token, or username and password, not both"},
    {"access", "has(self.username) == has(self.password)", "username and password belong together"},
    {"access", "has(self.certificate) == has(self.key)", "certificate and key belong together"},
    {"expectation", "has(self.query) != has(self.probe)", "expected a query or a probe, and not both"},
    {"probe", "!has(self.command)", kNoCommand},
    {"rollback_action", "!has(self.command)", kNoCommand}};

constexpr const char* kUnknownKept = "x-kubernetes-preserve-unknown-fields";
constexpr int kMostItems = 256;  // a rule's cost is estimated by how many items there may be
// Without what the server's expressions lack; the order of the units is the controller's to check.
constexpr const char* kDurationPattern = "^(0|([0-9]+([.][0-9]*)?(ns|us|ms|s|m|h|d))+)$";

std::string_view text_of(const Object& schema, std::string_view key) {
  const Value* value = schema.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// The name of what a reference means, or "".
std::string_view referred(const Object& schema) {
  std::string_view target = text_of(schema, "$ref");
  constexpr std::string_view kPrefix = "#/$defs/";
  return target.starts_with(kPrefix) ? target.substr(kPrefix.size()) : std::string_view();
}

const Object& resolved(const Object& schema, const Object& definitions) {
  std::string_view name = referred(schema);
  return name.empty() ? schema : resolved(definitions.at(name).as_object(), definitions);
}

// A whole number, or text: "string", "integer", …, of one alternative.
bool is_plain(const Object& schema) {
  std::string_view type = text_of(schema, "type");
  return type == "string" || type == "integer" || type == "number";
}

Object number_or_text(const Array& alternatives, const Object& definitions) {
  Object schema{{"x-kubernetes-int-or-string", true}};
  for (const Value& alternative : alternatives) {
    bool is_duration = referred(alternative.as_object()) == "duration_text";
    const Object& one = resolved(alternative.as_object(), definitions);
    if (is_duration)
      schema["pattern"] = kDurationPattern;
    else if (const Value* pattern = one.if_contains("pattern"))
      schema["pattern"] = *pattern;
  }
  return schema;
}

Object of_alternatives(const Array& alternatives, const Object& definitions) {
  auto plain = [&](const Value& one) { return is_plain(resolved(one.as_object(), definitions)); };
  return std::all_of(alternatives.begin(), alternatives.end(), plain) ? number_or_text(alternatives, definitions)
                                                                      : anything();
}

// The bounds and patterns of a plain value.
Object of_plain(const Object& schema) {
  Object made;
  for (const char* key : {"type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"})
    if (const Value* value = schema.if_contains(key)) made[key] = *value;
  if (const Value* least = schema.if_contains("exclusiveMinimum")) {
    made["minimum"] = *least;
    made["exclusiveMinimum"] = true;
  }
  if (const Value* only = schema.if_contains("const")) made["enum"] = Array{*only};
  if (made.contains("enum")) made["type"] = "string";
  if (text_of(made, "pattern").find("(?") != std::string_view::npos) made.stable_erase(made.find("pattern"));
  return made;
}

Object of_object(const Object& schema, const Object& definitions) {
  Object made{{"type", "object"}};
  for (const char* key : {"required", "minProperties", "maxProperties"})
    if (const Value* value = schema.if_contains(key)) made[key] = *value;
  if (const Value* properties = schema.if_contains("properties")) {
    Object all;
    for (const auto& [key, value] : properties->as_object()) all[key] = structural(value, definitions);
    made["properties"] = std::move(all);
    made[kUnknownKept] = true;  // the controller refuses what nobody knows; pruned, it would not even be seen
  } else if (const Value* more = schema.if_contains("additionalProperties"); more && more->is_object()) {
    made["additionalProperties"] = structural(*more, definitions);
  } else {
    made[kUnknownKept] = true;
  }
  return made;
}

Object of_type(const Object& schema, const Object& definitions) {
  if (const Value* alternatives = schema.if_contains("anyOf"); alternatives && !schema.contains("type"))
    return of_alternatives(alternatives->as_array(), definitions);
  // A label's value; Kubernetes itself takes no bare true.
  if (const Value* type = schema.if_contains("type"); type && type->is_array())
    return {{"x-kubernetes-int-or-string", true}};
  if (text_of(schema, "type") == "object") return of_object(schema, definitions);
  if (text_of(schema, "type") != "array") return of_plain(schema);
  Object made{{"type", "array"}, {"maxItems", kMostItems}};
  if (const Value* least = schema.if_contains("minItems")) made["minItems"] = *least;
  made["items"] = structural(schema.at("items"), definitions);
  return made;
}

bool is_plain_word(std::string_view key) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
  constexpr std::string_view kSpecial[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"};
  std::string small(key);
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return !key.empty() && key.find_first_not_of(kPlain) == key.npos && !(key[0] >= '0' && key[0] <= '9') &&
         key[0] != '-' && std::find(std::begin(kSpecial), std::end(kSpecial), small) == std::end(kSpecial);
}

bool is_empty(const Value& value) {
  return (value.is_object() && value.get_object().empty()) || (value.is_array() && value.get_array().empty());
}

std::string scalar(const Value& value) {
  bool plain = value.is_string() && is_plain_word(value.get_string());
  return plain ? std::string(value.get_string()) : json::write(value);
}

// Every line after the first begins with `indent`; a list's items begin with "- ".
std::string block(const Value& value, const std::string& indent) {
  std::string text;
  auto line = [&](const std::string& head, const Value& item, const std::string& below, bool nested_line) {
    if (!text.empty()) text += "\n" + indent;
    text += head;
    bool nested = (item.is_object() || item.is_array()) && !is_empty(item);
    if (nested && nested_line)
      text += "\n" + below;
    else if (nested_line)
      text += " ";
    text += nested ? block(item, below) : scalar(item);
  };
  if (value.is_object())
    for (const auto& [key, item] : value.get_object())
      line((is_plain_word(key) ? std::string(key) : json::write(Value(key))) + ":", item, indent + "  ", true);
  if (value.is_array())
    for (const Value& item : value.get_array()) line("- ", item, indent + "  ", false);
  return text;
}

}  // namespace

Object anything(const std::string& description) {
  Object made{{kUnknownKept, true}};
  if (!description.empty()) made["description"] = description;
  return made;
}

Object either(const Object& a, const Object& b) {
  Object one = a, other = b;
  for (Object* schema : {&one, &other}) schema->erase("description");
  if (one == other) return one;
  bool both = one.contains("x-kubernetes-int-or-string") && other.contains("x-kubernetes-int-or-string");
  if (both) return {{"x-kubernetes-int-or-string", true}};
  std::string_view type = text_of(one, "type");
  if (type.empty() || type != text_of(other, "type") || !is_plain(one)) return anything();
  return {{"type", type}};
}

void add_rule(Object& schema, const std::string& rule, const std::string& message) {
  if (!schema.contains("x-kubernetes-validations")) schema["x-kubernetes-validations"] = Array{};
  schema["x-kubernetes-validations"].as_array().push_back(Object{{"rule", rule}, {"message", message}});
}

Object structural(const Value& value, const Object& definitions) {
  const Object& schema = value.as_object();
  Object made = of_type(resolved(schema, definitions), definitions);
  std::string_view description = text_of(schema, "description");
  if (description.empty()) description = text_of(resolved(schema, definitions), "description");
  if (!description.empty()) made["description"] = description;
  for (const Rule& rule : kRules)
    if (rule.definition == referred(schema)) add_rule(made, rule.rule, rule.message);
  return made;
}

std::string as_yaml(const Value& value) { return block(value, "") + "\n"; }

}  // namespace ordeal::schema
