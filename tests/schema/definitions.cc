#include "schema/definitions.h"

#include <fmt/format.h>

#include <map>

#include "core/base/text/text.h"
#include "core/model/cluster/names.h"
#include "core/model/cluster/shapes.h"
#include "fault/attacks/fault.h"
#include "schema/structural.h"

namespace ordeal::schema {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr int kMostImpacts = 8192;  // on one node

// What people read in `kubectl explain`.
constexpr std::pair<std::string_view, const char*> kMeanings[] = {
    {"observedGeneration", "The generation of the spec that this status is about."},
    {"run", "The id of the run."},
    {"holder", "The controller that hosts the run."},
    {"phase", "check, before, inject, during, revert, after or done."},
    {"verdict", "How the run ended; absent until then."},
    {"exit", "The exit code that `ordeal run` would have ended with."},
    {"candidates", "What the target describes and runs."},
    {"nodes", "How many were asked at once: the more, the longer agents spread their last writes."},
    {"victims", "What was chosen of it."},
    {"renewal", "Written at least every third of the lease; without it agents revert."},
    {"go", "Attacks that cannot be undone may act: every victim was checked."},
    {"stop", "Why everything is to be reverted; never taken back."},
    {"halt", "The Halt that the controller has seen released, as UID/GENERATION."},
    {"looks", "What was last seen of each expectation."},
    {"lastTransitionTime", "When the status of the condition changed last."},
    {"leaseMs", "So long an impact stays in force without a renewal, in milliseconds."},
    {"waitsForGo", "Check only, and act when the Experiment's renewal says go."},
    {"atMs", "When after the beginning, in milliseconds."},
    {"impacts", "One for each victim on the node."},
    {"experimentUID", "The Experiment by which it lives: gone or another one, everything is reverted."},
    {"why", "What ended it."},
    {"inForceMs", "How long it was in force, in milliseconds."},
    {"tookMs", "How long the revert took, in milliseconds."}};

template <typename T>
struct SchemaOf;

template <typename T>
Object schema_of_fields() {
  Object properties;
  Array required;
  auto add = [&]<typename Owner, typename Member, bool kRequired>(const json::Field<Owner, Member, kRequired>& field) {
    Object property = SchemaOf<Member>::make();
    for (const auto& [key, meaning] : kMeanings)
      if (key == field.key) property["description"] = meaning;
    if (kRequired && json::kIsOptional<Member>) property["nullable"] = true;
    if (kRequired && !json::kIsOptional<Member>) required.push_back(Value(field.key));
    properties[field.key] = std::move(property);
  };
  std::apply([&](const auto&... field) { (add(field), ...); }, json::Shape<T>::kFields);
  Object made{{"type", "object"}};
  if (!required.empty()) made["required"] = std::move(required);
  made["properties"] = std::move(properties);
  return made;
}

template <typename T>
struct SchemaOf {
  static Object make() { return schema_of_fields<T>(); }
};
template <>
struct SchemaOf<bool> {
  static Object make() { return {{"type", "boolean"}}; }
};
template <>
struct SchemaOf<std::string> {
  static Object make() { return {{"type", "string"}}; }
};
template <>
struct SchemaOf<int> {
  static Object make() { return {{"type", "integer"}, {"format", "int32"}}; }
};
template <>
struct SchemaOf<int64_t> {
  static Object make() { return {{"type", "integer"}, {"format", "int64"}}; }
};
template <>
struct SchemaOf<Nanos> {
  static Object make() { return {{"type", "number"}}; }
};
template <>
struct SchemaOf<cluster::Truth> {
  static Object make() { return {{"type", "string"}, {"enum", Array{"True", "False", "Unknown"}}}; }
};
// What has a codec of its own: its parts are the record's (docs/formats/events.md).
template <>
struct SchemaOf<Step> {
  static Object make() { return {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}; }
};
template <>
struct SchemaOf<Proof> {
  static Object make() { return SchemaOf<Step>::make(); }
};
template <typename T>
struct SchemaOf<std::optional<T>> {
  static Object make() { return SchemaOf<T>::make(); }
};
template <typename T>
struct SchemaOf<std::vector<T>> {
  static Object make() { return {{"type", "array"}, {"items", SchemaOf<T>::make()}}; }
};
template <>
struct SchemaOf<std::vector<cluster::Condition>> {
  static Object make() {
    Object made{{"type", "array"}, {"items", schema_of_fields<cluster::Condition>()}};
    made["x-kubernetes-list-type"] = "map";
    made["x-kubernetes-list-map-keys"] = Array{"type"};
    return made;
  }
};
template <>
struct SchemaOf<cluster::ClusterVictim> {
  static Object make() {
    Object made = schema_of_fields<cluster::ClusterVictim>();
    made["properties"].as_object()["kind"] = Object{{"type", "string"}, {"enum", Array{"pod", "container", "node"}}};
    made["required"] = Array{"kind", "uid"};
    add_rule(made, "self.kind == 'node' || (has(self.__namespace__) && has(self.pod))",
             "a pod is named by namespace, pod and uid");
    add_rule(made, "self.kind != 'container' || (has(self.container) && has(self.containerID))",
             "a container is named by container and containerID");
    return made;
  }
};
template <>
struct SchemaOf<Attack> {
  static Object make() {
    Object properties{{"type", Object{{"type", "string"}, {"minLength", 1}}},
                      {"args", SchemaOf<Step>::make()},
                      {"length_ms", SchemaOf<int64_t>::make()},
                      {"lead_in_ms", SchemaOf<int64_t>::make()},
                      {"min_events", SchemaOf<int64_t>::make()},
                      {"given", SchemaOf<std::vector<std::string>>::make()}};
    return {{"type", "object"},
            {"description", "The attack with every argument resolved, durations in text."},
            {"required", Array{"type", "args", "length_ms", "lead_in_ms", "min_events"}},
            {"properties", std::move(properties)}};
  }
};

// The arguments of all attacks in one object: which attack has which, rules say, where an argument has one type.
struct Argument {
  Object schema;
  std::vector<std::string> attacks;
  std::string help;
};

std::map<std::string, Argument> all_arguments(const Object& definitions) {
  std::map<std::string, Argument> all;
  for (const fault::Fault* fault : fault::all_faults()) {
    const std::string& type = fault->info().type;
    const Object& properties = definitions.at("args_" + type).at("properties").as_object();
    for (const auto& [key, value] : properties) {
      Object made = structural(value, definitions);
      auto [at, fresh] = all.try_emplace(std::string(key), Argument{made, {}, ""});
      if (!fresh) at->second.schema = either(at->second.schema, made);
      at->second.attacks.push_back(type);
      if (const Value* help = made.if_contains("description"))
        at->second.help += fmt::format("{}{}: {}", fresh ? "" : " | ", type, std::string_view(help->as_string()));
    }
  }
  return all;
}

bool can_be_asked_for(const Object& schema) {
  return schema.contains("type") || schema.contains("x-kubernetes-int-or-string");
}

void require_arguments(Object& attack) {
  for (const fault::Fault* fault : fault::all_faults())
    for (const ArgumentInfo& argument : fault->info().arguments)
      if (argument.required())
        add_rule(attack,
                 fmt::format("self.type != '{}' || (has(self.args) && has(self.args.{}))", fault->info().type,
                             argument.name),
                 fmt::format("args: \"{}\" is missing; the attack {} needs it", argument.name, fault->info().type));
}

Object attack_schema(const Object& definitions) {
  Object attack = structural(definitions.at("attack"), definitions);
  Object properties;
  size_t attacks = fault::all_faults().size();
  for (auto& [name, argument] : all_arguments(definitions)) {
    argument.schema["description"] = argument.help;
    if (can_be_asked_for(argument.schema) && argument.attacks.size() < attacks)
      add_rule(attack,
               fmt::format("!has(self.args) || !has(self.args.{}) || self.type in ['{}']", name,
                           join(argument.attacks, "', '")),
               fmt::format("args.{}: only {} has this argument", name, join(argument.attacks, ", ")));
    properties[name] = std::move(argument.schema);
  }
  require_arguments(attack);
  attack["properties"].as_object()["args"] =
      Object{{"type", "object"},
             {"description", "The arguments of the attack; docs/attacks.md lists each attack's own."},
             {"x-kubernetes-preserve-unknown-fields", true},
             {"properties", std::move(properties)}};
  return attack;
}

// A command is refused by a rule, so it must have one type.
void take_commands_as_lists(Object& schema) {
  for (auto [list, inside] : {std::pair{"expect", "probe"}, {"rollback", ""}}) {
    Object& items = schema["properties"].at(list).at("items").as_object();
    Object& holder = *inside ? items["properties"].at(inside).as_object() : items;
    holder["properties"].as_object()["command"] =
        Object{{"type", "array"}, {"maxItems", 256}, {"items", Object{{"type", "string"}}}};
  }
}

Object experiment_spec(const Object& definitions) {
  Object spec = structural(Object{{"$ref", "#/$defs/experiment"}}, definitions);
  Object& properties = spec["properties"].as_object();
  properties["attack"] = attack_schema(definitions);
  spec["required"] = Array{"target", "attack"};
  take_commands_as_lists(spec);
  for (const char* list : {"attacks", "findings"})
    properties[list] = Object{{"type", "array"}, {"maxItems", 256}, {"items", SchemaOf<Step>::make()}};
  for (const char* key : {"pulse", "ramp", "traffic"}) properties[key] = SchemaOf<Step>::make();
  for (const char* key : {"findings", "traffic"})
    properties[key].as_object()["description"] = "Reserved: refused until it exists.";
  for (const char* key : {"attacks", "ramp", "pulse"})
    properties[key].as_object()["description"] = "On a host only: refused in a cluster.";
  return spec;
}

Object injection_spec() {
  Object spec = SchemaOf<cluster::InjectionSpec>::make();
  Object& properties = spec["properties"].as_object();
  for (const char* name : {"run", "experiment", "experimentUID", "node"}) properties[name].as_object()["minLength"] = 1;
  Object& lease = properties["leaseMs"].as_object();
  lease["minimum"] = 1;
  lease["maximum"] = static_cast<int64_t>(to_millis(cluster::kLongestLease));
  properties["impacts"].as_object()["maxItems"] = kMostImpacts;
  properties["candidates"].as_object()["minimum"] = 0;
  properties["nodes"].as_object()["minimum"] = 1;
  add_rule(spec, "self == oldSelf", "an Injection is never changed: make another one");
  return spec;
}

Object halt_spec() {
  Object properties{
      {"engaged",
       Object{{"type", "boolean"}, {"default", true}, {"description", "false releases it, as deleting it does."}}},
      {"reason", Object{{"type", "string"}, {"description", "Why, for everyone who is stopped by it."}}},
      {"by", Object{{"type", "string"}, {"description", "Who."}}}};
  return {{"type", "object"}, {"default", Object{}}, {"properties", std::move(properties)}};
}

struct Column {
  const char* name;
  const char* type;
  const char* path;
  int priority = 0;  // 1: with -o wide
};

struct Definition {
  const char* kind;
  const char* singular;
  const char* short_name;
  const char* description;
  bool namespaced = true;
  bool has_status = true;
  std::vector<Column> columns;
  std::vector<const char*> selectable{};
};

Array columns_of(const Definition& definition) {
  Array columns;
  for (const Column& column : definition.columns) {
    Object one{{"name", column.name}, {"type", column.type}, {"jsonPath", column.path}};
    if (column.priority) one["priority"] = column.priority;
    columns.push_back(std::move(one));
  }
  columns.push_back(Object{{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}});
  return columns;
}

Object root_schema(const Definition& definition, Object spec, std::optional<Object> status) {
  Object properties{{"apiVersion", Object{{"type", "string"}}},
                    {"kind", Object{{"type", "string"}}},
                    {"metadata", Object{{"type", "object"}}},
                    {"spec", std::move(spec)}};
  if (status) properties["status"] = std::move(*status);
  Object root{{"type", "object"}, {"description", definition.description}, {"properties", std::move(properties)}};
  if (definition.has_status) root["required"] = Array{"spec"};
  return root;
}

Generated file_of(const Definition& definition, Object root) {
  std::string plural = std::string(definition.singular) + "s";
  Object version{{"name", "v1alpha1"}, {"served", true}, {"storage", true}};
  if (definition.has_status) version["subresources"] = Object{{"status", Object{}}};
  version["additionalPrinterColumns"] = columns_of(definition);
  Array selectable;
  for (const char* path : definition.selectable) selectable.push_back(Object{{"jsonPath", path}});
  if (!selectable.empty()) version["selectableFields"] = std::move(selectable);
  version["schema"] = Object{{"openAPIV3Schema", std::move(root)}};
  Object names{{"kind", definition.kind},
               {"listKind", std::string(definition.kind) + "List"},
               {"plural", plural},
               {"singular", definition.singular},
               {"shortNames", Array{definition.short_name}},
               {"categories", Array{"ordeal"}}};
  Object made{
      {"apiVersion", "apiextensions.k8s.io/v1"},
      {"kind", "CustomResourceDefinition"},
      {"metadata", Object{{"name", plural + ".ordeal.dev"}, {"labels", Object{{"app.kubernetes.io/name", "ordeal"}}}}},
      {"spec", Object{{"group", "ordeal.dev"},
                      {"scope", definition.namespaced ? "Namespaced" : "Cluster"},
                      {"names", std::move(names)},
                      {"versions", Array{Value(std::move(version))}}}}};
  return {"charts/ordeal/crds/" + plural + ".yaml",
          "# Made by make_schema; docs/formats/resources.md describes it for people.\n" + as_yaml(made)};
}

Generated experiments(const Object& definitions) {
  Definition definition{"Experiment",
                        "experiment",
                        "oex",
                        "A hypothesis, a target, an attack and what must hold: one run.",
                        true,
                        true,
                        {{"Phase", "string", ".status.phase"},
                         {"Verdict", "string", ".status.verdict"},
                         {"Victims", "integer", ".status.victims"},
                         {"Injected", "integer", ".status.injected"},
                         {"Reverted", "integer", ".status.reverted", 1},
                         {"Run", "string", ".status.run", 1},
                         {"Reason", "string", ".status.reason", 1}}};
  Object root = root_schema(definition, experiment_spec(definitions), SchemaOf<cluster::ExperimentStatus>::make());
  add_rule(root,
           "!has(oldSelf.status) || !has(oldSelf.status.run) || oldSelf.status.run == '' || self.spec == oldSelf.spec",
           "spec: the run has begun, and its experiment is not changed any more: make another one");
  return file_of(definition, std::move(root));
}

Generated injections() {
  Definition definition{"Injection",
                        "injection",
                        "oin",
                        "What one run does on one node. Made by the controller, carried out once by that node's agent.",
                        true,
                        true,
                        {{"Experiment", "string", ".spec.experiment"},
                         {"Node", "string", ".spec.node"},
                         {"State", "string", ".status.state"},
                         {"Run", "string", ".spec.run", 1},
                         {"Why", "string", ".status.why", 1}},
                        {".spec.node"}};
  return file_of(definition, root_schema(definition, injection_spec(), SchemaOf<cluster::InjectionStatus>::make()));
}

Generated halts() {
  Definition definition{
      "Halt",
      "halt",
      "ohalt",
      "Ends every attack in the cluster and lets none start, while it is there and engaged.",
      false,
      false,
      {{"Engaged", "boolean", ".spec.engaged"}, {"Reason", "string", ".spec.reason"}, {"By", "string", ".spec.by"}}};
  Object root = root_schema(definition, halt_spec(), std::nullopt);
  add_rule(root, fmt::format("self.metadata.name == '{}'", cluster::kHaltName),
           fmt::format("there is one Halt, and its name is {}", cluster::kHaltName));
  return file_of(definition, std::move(root));
}

}  // namespace

std::vector<Generated> resource_definitions(const Value& experiment_schema) {
  return {experiments(experiment_schema.at("$defs").as_object()), injections(), halts()};
}

}  // namespace ordeal::schema
