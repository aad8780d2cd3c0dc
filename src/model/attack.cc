#include "model/attack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/duration.h"
#include "base/text.h"

namespace ordeal {
namespace {

constexpr std::array kStepKinds{"owned", "journalled", "irreversible"};

// "8000", "8000-8005", "^53"
bool is_port(std::string_view text) {
  if (text.starts_with('^')) text.remove_prefix(1);
  std::vector<std::string_view> ends = split(text, '-');
  if (ends.empty() || ends.size() > 2) return false;
  auto first = parse_number<uint16_t>(ends.front());
  auto last = parse_number<uint16_t>(ends.back());
  return first && last && *first > 0 && *first <= *last;
}

// A list argument may be a JSON list, one item, or Gremlin's comma list; items are kept as text.
Result<json::Value> resolve_list(const json::Reader& reader, bool ports) {
  std::vector<json::Reader> items{reader};
  if (reader.value().is_array()) items = TRY(reader.items());
  json::Array list;
  for (const json::Reader& item : items) {
    std::string text = item.value().is_number() ? json::write(item.value()) : TRY(item.text());
    for (std::string_view part : split_words(text, ", ")) {
      if (ports && !is_port(part)) return item.expected("a port (8000), a range (8000-8005) or an exclusion (^53)");
      list.push_back(json::Value(part));
    }
  }
  return json::Value(std::move(list));
}

Result<json::Value> resolve_one(const json::Reader& reader, const ArgumentInfo& info) {
  switch (info.kind) {
    case ArgumentKind::kDuration: {
      Nanos duration = TRY(reader.duration(info.unit));
      if (to_seconds(duration) < info.least || to_seconds(duration) > info.most)
        return reader.expected(fmt::format("a duration from {} to {} s", info.least, info.most));
      return json::Value(format_duration(duration));
    }
    case ArgumentKind::kPercent:
      return json::Value(TRY(reader.number(info.least, std::min(info.most, 100.0))));
    case ArgumentKind::kInteger:
      return json::Value(TRY(reader.integer(static_cast<int64_t>(info.least), static_cast<int64_t>(info.most))));
    case ArgumentKind::kBoolean:
      return json::Value(TRY(reader.boolean()));
    case ArgumentKind::kText:
      return json::Value(TRY(reader.text()));
    case ArgumentKind::kTextList:
      return resolve_list(reader, false);
    case ArgumentKind::kHostList:
      return resolve_list(reader, false);
    case ArgumentKind::kPortList:
      return resolve_list(reader, true);
  }
  return fail(Errc::kInternal, "unknown kind of argument");
}

const ArgumentInfo* find_argument(const AttackInfo& info, std::string_view name) {
  auto found = std::find_if(info.arguments.begin(), info.arguments.end(), [&](auto& a) { return a.name == name; });
  return found == info.arguments.end() ? nullptr : &*found;
}

json::Document rooted(const json::Object& args) {
  return json::Document{json::Object{{"attack", json::Object{{"args", args}}}}, {}};
}

Result<json::Reader> args_reader(const json::Document& document) {
  return TRY(json::Reader(document).at("attack")).at("args");
}

std::string unknown_argument(const AttackInfo& info, const std::string& name) {
  std::vector<std::string> names;
  for (const ArgumentInfo& argument : info.arguments) names.push_back(argument.name);
  return fmt::format("the attack {} has no argument \"{}\"; it knows: {}, length", info.type, name, join(names, ", "));
}

}  // namespace

Result<Attack> resolve_arguments(const Attack& attack, const AttackInfo& info) {
  json::Document document = rooted(attack.args);
  json::Reader reader = TRY(args_reader(document));
  for (const auto& [name, field] : TRY(reader.fields()))
    if (!find_argument(info, name)) return field.refuse(unknown_argument(info, name));
  Attack resolved{attack.type, {}, attack.length, {}};
  for (const ArgumentInfo& argument : info.arguments) {
    std::optional<json::Reader> given = TRY(reader.find(argument.name));
    if (!given && argument.fallback.empty())
      return fail(Errc::kInvalidInput, fmt::format("attack.args: \"{}\" is missing: {}", argument.name, argument.help));
    if (!given) {
      json::Document standard{TRY(json::parse(argument.fallback)), {}};
      if (standard.value.is_null()) continue;
      resolved.args[argument.name] = TRY(resolve_one(json::Reader(standard), argument));
    } else {
      resolved.args[argument.name] = TRY(resolve_one(*given, argument));
    }
  }
  if (!info.lead_in.empty()) resolved.lead_in = duration_argument(resolved, info.lead_in);
  return resolved;
}

Nanos duration_argument(const Attack& attack, const std::string& name) {
  auto* value = attack.args.if_contains(name);
  if (!value) return Nanos(0);
  return parse_duration(std::string_view(value->as_string())).value();
}

double number_argument(const Attack& attack, const std::string& name) {
  return attack.args.at(name).to_number<double>();
}

bool flag_argument(const Attack& attack, const std::string& name) {
  auto* value = attack.args.if_contains(name);
  return value && value->as_bool();
}

std::string text_argument(const Attack& attack, const std::string& name) {
  auto* value = attack.args.if_contains(name);
  return value ? std::string(value->as_string()) : "";
}

std::vector<std::string> list_argument(const Attack& attack, const std::string& name) {
  std::vector<std::string> list;
  if (auto* value = attack.args.if_contains(name))
    for (const json::Value& item : value->as_array()) list.emplace_back(item.as_string());
  return list;
}

const char* to_text(StepKind kind) { return kStepKinds[static_cast<size_t>(kind)]; }

namespace {

json::Array text_array(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.push_back(json::Value(text));
  return array;
}

}  // namespace

json::Value to_json(const Step& step) {
  return json::Object{{"kind", to_text(step.kind)},
                      {"victim", step.victim},
                      {"action", step.action},
                      {"undo", step.undo},
                      {"proof", step.proof},
                      {"claims", text_array(step.claims)},
                      {"notes", text_array(step.notes)}};
}

Result<Step> step_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  Step step;
  std::string kind = TRY(TRY(reader.at("kind")).word({"owned", "journalled", "irreversible"}));
  step.kind = static_cast<StepKind>(std::find(kStepKinds.begin(), kStepKinds.end(), kind) - kStepKinds.begin());
  step.victim = TRY(TRY(reader.at("victim")).text());
  step.action = TRY(TRY(reader.at("action")).text());
  step.undo = TRY(TRY(reader.at("undo")).text());
  step.proof = TRY(TRY(reader.at("proof")).text());
  step.claims = TRY(TRY(reader.at("claims")).texts());
  step.notes = TRY(TRY(reader.at("notes")).texts());
  return step;
}

json::Value to_json(const Attack& attack) {
  return json::Object{{"type", attack.type},
                      {"args", attack.args},
                      {"length_ms", std::chrono::duration_cast<milliseconds>(attack.length).count()},
                      {"lead_in_ms", std::chrono::duration_cast<milliseconds>(attack.lead_in).count()}};
}

Result<Attack> attack_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  Attack attack;
  attack.type = TRY(TRY(reader.at("type")).text());
  json::Reader args = TRY(reader.at("args"));
  if (!args.value().is_object()) return args.expected("an object");
  attack.args = args.value().get_object();
  constexpr int64_t kMost = 366LL * 86400 * 1000;
  attack.length = milliseconds(TRY(TRY(reader.at("length_ms")).integer(0, kMost)));
  attack.lead_in = milliseconds(TRY(TRY(reader.at("lead_in_ms")).integer(0, kMost)));
  return attack;
}

json::Value to_json(const Proof& proof) {
  return json::Object{{"proven", proof.proven}, {"measured", proof.measured}, {"reason", proof.reason},
                      {"asked", proof.asked},   {"got", proof.got},           {"unit", proof.unit}};
}

Result<Proof> proof_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  constexpr double kAny = 1e300;
  Proof proof;
  proof.proven = TRY(TRY(reader.at("proven")).boolean());
  proof.asked = TRY(TRY(reader.at("asked")).number(-kAny, kAny));
  proof.got = TRY(TRY(reader.at("got")).number(-kAny, kAny));
  for (auto [key, text] : {std::pair{"measured", &proof.measured}, {"reason", &proof.reason}, {"unit", &proof.unit}}) {
    json::Reader field = TRY(reader.at(key));
    if (field.value().is_string()) *text = std::string(field.value().get_string());
  }
  return proof;
}

}  // namespace ordeal
