#include "core/model/experiment/part.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/json/value.h"
#include "core/model/experiment/schedule.h"
#include "core/model/experiment/target.h"

namespace ordeal {
namespace {

using json::Reader;

constexpr int64_t kMostSteps = 100;
constexpr size_t kMostParts = 16;
constexpr Nanos kMostLength = 24h;

Result<> take_length(const Reader& reader, std::optional<Nanos>& length) {
  Nanos given = TRY(reader.duration(1s));
  if (given <= Nanos(0) || given > kMostLength) return reader.expected("a length above 0 and at most 24h");
  if (length && *length != given) return reader.refuse("differs from the length that is given elsewhere in the file");
  length = given;
  return {};
}

Result<Nanos> decode_stint(const Reader& reader, const char* key, Nanos length) {
  Reader field = TRY(reader.at(key));
  Nanos given = TRY(field.duration(1s));
  if (given < kLeastStint || given > kMostLength) return field.expected("a duration from 1s to 24h");
  if (given >= length)
    return field.refuse(fmt::format("is as long as the attack of {} or longer", format_duration(length)));
  return given;
}

Result<Pulse> decode_pulse(const Reader& reader, Nanos length) {
  TRY_VOID(reader.only({"on", "off"}));
  Pulse pulse;
  pulse.on = TRY(decode_stint(reader, "on", length));
  pulse.off = TRY(decode_stint(reader, "off", length));
  if (length / (pulse.on + pulse.off) >= kMostStints)
    return reader.refuse(fmt::format("these are more than {} pulses", kMostStints));
  return pulse;
}

Result<Ramp> decode_ramp(const Reader& reader, Nanos length) {
  TRY_VOID(reader.only({"argument", "from", "to", "steps"}));
  Ramp ramp;
  ramp.argument = TRY(TRY(reader.at("argument")).text());
  TRY_VOID(reader.at("to").map([](auto) {}));
  if (auto field = TRY(reader.find("steps"))) ramp.steps = TRY(field->integer(2, kMostSteps));
  if (length / ramp.steps < kLeastStint)
    return reader.refuse(fmt::format("{} steps in {} are shorter than {} each", ramp.steps, format_duration(length),
                                     format_duration(kLeastStint)));
  ramp.value = reader.value();
  ramp.origin = reader.origin();
  return ramp;
}

Result<> decode_course(const Reader& reader, Part& part) {
  auto pulse = TRY(reader.find("pulse"));
  auto ramp = TRY(reader.find("ramp"));
  if (pulse && ramp) return ramp->refuse("give pulse or ramp, not both");
  if (pulse) part.pulse = TRY(decode_pulse(*pulse, part.attack.length));
  if (ramp) part.ramp = TRY(decode_ramp(*ramp, part.attack.length));
  return {};
}

Result<Part> decode_part(const Reader& reader, const std::optional<Target>& target) {
  TRY_VOID(reader.only({"name", "target", "attack", "at", "length", "pulse", "ramp"}));
  Part part;
  auto own = TRY(reader.find("target"));
  if (own || !target)
    part.target = TRY(decode_target(TRY(reader.at("target"))));
  else
    part.target = *target;
  part.attack = TRY(decode_attack(reader));
  part.name = part.attack.type;
  if (auto field = TRY(reader.find("name"))) part.name = TRY(field->text());
  if (auto field = TRY(reader.find("at"))) {
    part.at = TRY(field->duration(1s));
    if (part.at > kMostLength) return field->expected("a time of at most 24h");
  }
  TRY_VOID(decode_course(reader, part));
  return part;
}

bool is_taken(const std::string& name, const std::vector<Part>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return part.name == name; });
}

// Two of one type are told apart by a number, unless the file names them.
Result<> name_apart(const Reader& reader, Part& part, const std::vector<Part>& parts) {
  if (!is_taken(part.name, parts)) return {};
  if (TRY(reader.find("name")))
    return reader.refuse(fmt::format("the name \"{}\" is already taken by another attack", part.name));
  std::string type = part.name;
  for (size_t i = 2; is_taken(part.name, parts); ++i) part.name = fmt::format("{} {}", type, i);
  return {};
}

Result<> refuse_single_keys(const Reader& root) {
  for (const char* key : {"attack", "length", "pulse", "ramp"})
    if (auto field = TRY(root.find(key)))
      return field->refuse(fmt::format("\"{}\" stands in each of the attacks where there are several", key));
  return {};
}

Result<> decode_parts(const Reader& root, const Reader& list, Experiment& experiment) {
  TRY_VOID(refuse_single_keys(root));
  std::optional<Target> target;
  if (auto field = TRY(root.find("target"))) target = TRY(decode_target(*field));
  std::vector<Reader> items = TRY(list.items());
  if (items.empty() || items.size() > kMostParts)
    return list.expected(fmt::format("a list of 1 to {} attacks", kMostParts));
  for (const Reader& item : items) {
    Part part = TRY(decode_part(item, target));
    TRY_VOID(name_apart(item, part, experiment.parts));
    experiment.parts.push_back(std::move(part));
  }
  auto first = std::min_element(experiment.parts.begin(), experiment.parts.end(),
                                [](const Part& a, const Part& b) { return a.at < b.at; });
  if (first->at > Nanos(0))
    return list.refuse(fmt::format("the first one starts at {}: let one start at 0 (what is before it is the baseline)",
                                   format_duration(first->at)));
  experiment.target = experiment.parts.front().target;
  experiment.attack.type = kCombined;
  experiment.attack.origin = list.origin();
  experiment.attack.length = Nanos(0);
  for (const Part& part : experiment.parts)
    experiment.attack.length = std::max(experiment.attack.length, part.at + part.attack.length);
  if (experiment.attack.length > kMostLength) return list.refuse("they end later than after 24h");
  return {};
}

json::Object attack_json(const Attack& attack) {
  return {{"type", attack.type}, {"args", attack.args}, {"length", format_duration(attack.length)}};
}

void put_course(const Part& part, json::Object& object) {
  if (part.pulse)
    object["pulse"] = json::Object{{"on", format_duration(part.pulse->on)}, {"off", format_duration(part.pulse->off)}};
  if (!part.ramp) return;
  json::Object ramp = part.ramp->value.as_object();
  ramp["steps"] = part.ramp->steps;
  object["ramp"] = std::move(ramp);
}

json::Value part_json(const Part& part) {
  json::Object object{{"name", part.name},
                      {"target", to_json(part.target)},
                      {"attack", attack_json(part.attack)},
                      {"at", format_duration(part.at)}};
  put_course(part, object);
  return object;
}

std::string in_words(const json::Value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::write(value);
}

}  // namespace

Result<Attack> decode_attack(const Reader& root) {
  Reader reader = TRY(root.at("attack"));
  TRY_VOID(reader.only({"type", "args", "length"}));
  Attack attack;
  attack.origin = reader.origin();
  attack.type = TRY(TRY(reader.at("type")).text());
  std::optional<Nanos> length;
  if (auto args = TRY(reader.find("args"))) {
    if (!args->value().is_object()) return args->expected("an object");
    attack.args = args->value().get_object();
    if (auto field = TRY(args->find("length"))) TRY_VOID(take_length(*field, length));
    attack.args.erase("length");
  }
  if (auto field = TRY(reader.find("length"))) TRY_VOID(take_length(*field, length));
  if (auto field = TRY(root.find("length"))) TRY_VOID(take_length(*field, length));
  if (length) attack.length = *length;
  return attack;
}

Result<> decode_what_is_done(const Reader& root, Experiment& experiment) {
  if (auto list = TRY(root.find("attacks"))) return decode_parts(root, *list, experiment);
  experiment.target = TRY(decode_target(TRY(root.at("target"))));
  experiment.attack = TRY(decode_attack(root));
  Part part;
  part.attack = experiment.attack;
  TRY_VOID(decode_course(root, part));
  if (!part.pulse && !part.ramp) return {};
  part.name = part.attack.type;
  part.target = experiment.target;
  experiment.parts.push_back(std::move(part));
  return {};
}

void put_what_is_done(const Experiment& experiment, json::Object& object) {
  if (!experiment.is_combined()) {
    object["target"] = to_json(experiment.target);
    object["attack"] = attack_json(experiment.attack);
    if (!experiment.parts.empty()) put_course(experiment.parts.front(), object);
    return;
  }
  json::Array parts;
  for (const Part& part : experiment.parts) parts.push_back(part_json(part));
  object["attacks"] = std::move(parts);
}

std::string course_in_words(const Part& part) {
  if (part.pulse)
    return fmt::format("{} on, {} off", format_duration(part.pulse->on), format_duration(part.pulse->off));
  if (!part.ramp) return {};
  const json::Object& ramp = part.ramp->value.as_object();
  const json::Value* from = ramp.if_contains("from");
  if (!from) from = part.attack.args.if_contains(part.ramp->argument);
  return fmt::format("{}{} to {} in {} steps", part.ramp->argument, from ? " from " + in_words(*from) : "",
                     in_words(ramp.at("to")), part.ramp->steps);
}

}  // namespace ordeal
