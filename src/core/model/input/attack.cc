#include "core/model/input/attack.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/model/experiment/target.h"

namespace ordeal {
namespace {

constexpr int64_t kMostEvents = int64_t{1} << 53;
constexpr std::array kStepKinds{"owned", "journalled", "irreversible"};
constexpr std::array kArgumentKinds{"duration",  "percent",       "whole number",  "true or false",     "text",
                                    "text list", "list of ports", "list of hosts", "list of addresses", "word",
                                    "target",    "number"};

// "8000", "8000-8005", "^53"
bool is_port(std::string_view text) {
  if (text.starts_with('^')) text.remove_prefix(1);
  std::vector<std::string_view> ends = split(text, '-');
  if (ends.empty() || ends.size() > 2) return false;
  auto first = parse_number<uint16_t>(ends.front());
  auto last = parse_number<uint16_t>(ends.back());
  return first && last && *first > 0 && *first <= *last;
}

// "10.1.2.3", "10.0.0.0/8", "^fd00::/8"
bool is_address(std::string_view text) {
  if (text.starts_with('^')) text.remove_prefix(1);
  std::vector<std::string_view> parts = split(text, '/');
  std::string address(parts.front());
  bool wide = address.find(':') != std::string::npos;
  in6_addr bytes;
  if (parts.size() > 2 || ::inet_pton(wide ? AF_INET6 : AF_INET, address.c_str(), &bytes) != 1) return false;
  auto length = parts.size() == 2 ? parse_number<unsigned>(parts.back()) : 0;
  return length && *length <= (wide ? 128u : 32u);
}

// A name is looked up later; what has a slash can only be a network.
bool is_host(std::string_view text) { return text.find('/') == std::string_view::npos || is_address(text); }

bool is_item(ArgumentKind kind, std::string_view text) {
  if (kind == ArgumentKind::kPortList) return is_port(text);
  if (kind == ArgumentKind::kHostList) return is_host(text);
  return kind != ArgumentKind::kAddressList || is_address(text);
}

// An expression has commas of its own.
std::vector<std::string_view> parts_of(ArgumentKind kind, std::string_view text) {
  bool expression = kind == ArgumentKind::kTextList && (text.starts_with('/') || text.starts_with("^/"));
  return expression ? std::vector{text} : split_words(text, ", ");
}

// A list argument may be a JSON list, one item, or Gremlin's comma list; items are kept as text.
Result<json::Value> resolve_list(const json::Reader& reader, const ArgumentInfo& info) {
  std::vector<json::Reader> items{reader};
  if (reader.value().is_array()) items = TRY(reader.items());
  json::Array list;
  for (const json::Reader& item : items) {
    std::string text = item.value().is_number() ? json::write(item.value()) : TRY(item.text());
    for (std::string_view part : parts_of(info.kind, text)) {
      if (!is_item(info.kind, part)) return item.expected(info.expected());
      list.push_back(json::Value(part));
    }
  }
  if (list.empty()) return reader.expected(info.expected());  // nothing would mean everything
  return json::Value(std::move(list));
}

Result<json::Value> resolve_one(const json::Reader& reader, const ArgumentInfo& info) {
  switch (info.kind) {
    case ArgumentKind::kDuration: {
      Nanos duration = TRY(reader.duration(info.unit));
      if (to_seconds(duration) < info.least || to_seconds(duration) > info.most)
        return reader.expected(info.expected());
      return json::Value(format_duration(duration));
    }
    case ArgumentKind::kPercent:
      return json::Value(TRY(reader.number(info.least, std::min(info.most, 100.0))));
    case ArgumentKind::kNumber:
      return json::Value(TRY(reader.number(info.least, info.most)));
    case ArgumentKind::kInteger:
      return json::Value(TRY(reader.integer(static_cast<int64_t>(info.least), static_cast<int64_t>(info.most))));
    case ArgumentKind::kBoolean:
      return json::Value(TRY(reader.boolean()));
    case ArgumentKind::kText:
      return json::Value(TRY(reader.text()));
    case ArgumentKind::kWord:
      return json::Value(TRY(reader.word({info.choices.begin(), info.choices.end()})));
    case ArgumentKind::kTarget:
      TRY_VOID(decode_target(reader));
      return reader.value();
    case ArgumentKind::kTextList:
    case ArgumentKind::kHostList:
    case ArgumentKind::kAddressList:
    case ArgumentKind::kPortList:
      return resolve_list(reader, info);
  }
  return fail(Errc::kInternal, "unknown kind of argument");
}

const ArgumentInfo* find_argument(const AttackInfo& info, std::string_view name) {
  auto found = std::find_if(info.arguments.begin(), info.arguments.end(), [&](auto& a) { return a.name == name; });
  return found == info.arguments.end() ? nullptr : &*found;
}

Unexpected with_hint(Unexpected refusal, std::string hint) {
  refusal.value().hint = std::move(hint);
  return refusal;
}

Unexpected unknown_argument(const json::Reader& field, const AttackInfo& info, const std::string& name) {
  std::vector<std::string> names;
  for (const ArgumentInfo& argument : info.arguments) names.push_back(argument.name);
  names.push_back("length");
  std::string guess = json::nearest(name, {names.begin(), names.end()});
  return with_hint(field.refuse(fmt::format("the attack {} has no argument \"{}\"; it knows: {}", info.type, name,
                                            join(names, ", "))),
                   guess.empty() ? "" : fmt::format("did you mean \"{}\"?", guess));
}

Unexpected missing_argument(const json::Reader& args, const AttackInfo& info, const ArgumentInfo& argument) {
  return with_hint(args.refuse(fmt::format("\"{}\" is missing; expected {}", argument.name, argument.expected())),
                   fmt::format("`ordeal attacks {}` explains every argument", info.type));
}

}  // namespace

Result<Attack> resolve_arguments(const Attack& attack, const AttackInfo& info) {
  json::Value fields = json::Object{{"args", attack.args}};
  json::Reader reader = TRY(json::Reader(fields, attack.origin).at("args"));
  for (const auto& [name, field] : TRY(reader.fields()))
    if (!find_argument(info, name)) return unknown_argument(field, info, name);
  Attack resolved{attack.type, {}, attack.length, {}, attack.min_events, std::vector<std::string>{}, attack.origin};
  for (const ArgumentInfo& argument : info.arguments) {
    std::optional<json::Reader> given = TRY(reader.find(argument.name));
    if (!given && argument.required()) return missing_argument(reader, info, argument);
    if (!given) {
      json::Document standard{TRY(json::parse(argument.fallback)), {}};
      if (standard.value.is_null()) continue;
      resolved.args[argument.name] = TRY(resolve_one(json::Reader(standard), argument));
    } else {
      resolved.args[argument.name] = TRY(resolve_one(*given, argument));
      resolved.given->push_back(argument.name);
    }
  }
  resolved.peers = attack.peers;
  if (!info.lead_in.empty()) resolved.lead_in = duration_argument(resolved, info.lead_in);
  return resolved;
}

Unexpected refuse_field(const Attack& attack, std::string_view name, std::string_view why) {
  json::Origin origin{attack.origin.path + "." + std::string(name), attack.origin.lines};
  json::Value none;
  return json::Reader(none, origin).refuse(why);
}

std::string noticed_at_most(const Attack& attack, const AttackInfo& info) {
  std::string text = info.noticed;
  for (const ArgumentInfo& argument : info.arguments) {
    std::string place = "{" + argument.name + "}";
    const json::Value* value = attack.args.if_contains(argument.name);
    std::string shown = !value ? "any" : value->is_string() ? std::string(value->as_string()) : json::write(*value);
    for (size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += shown.size())
      text.replace(at, place.size(), shown);
  }
  return text;
}

std::string ArgumentInfo::expected() const {
  switch (kind) {
    case ArgumentKind::kDuration:
      return fmt::format("a duration from {} to {}", format_duration(from_seconds(least)),
                         format_duration(from_seconds(most)));
    case ArgumentKind::kPercent:
      return fmt::format("a number from {} to {}", least, std::min(most, 100.0));
    case ArgumentKind::kNumber:
      return fmt::format("a number from {} to {}", least, most);
    case ArgumentKind::kInteger:
      return fmt::format("a whole number from {} to {}", static_cast<int64_t>(least), static_cast<int64_t>(most));
    case ArgumentKind::kPortList:
      return "a port (8000), a range (8000-8005) or an exclusion (^53)";
    case ArgumentKind::kHostList:
      return "a host name, an address, a network (10.0.0.0/8) or an exclusion (^10.0.0.1)";
    case ArgumentKind::kAddressList:
      return "an address (10.0.0.1), a network (10.0.0.0/8) or an exclusion (^10.0.0.1)";
    case ArgumentKind::kWord:
      return choices.size() == 1 ? choices.front() : "one of " + join(choices, ", ");
    case ArgumentKind::kTextList:
      return "a text or a list of them, not empty";
    default:
      return to_text(kind);
  }
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

const char* to_text(ArgumentKind kind) { return kArgumentKinds[static_cast<size_t>(kind)]; }

const char* undo_in_words(const AttackInfo& info) { return info.only_looks ? "nothing to undo" : to_text(info.step); }

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
  json::Object object{{"type", attack.type},
                      {"args", attack.args},
                      {"length_ms", std::chrono::duration_cast<milliseconds>(attack.length).count()},
                      {"lead_in_ms", std::chrono::duration_cast<milliseconds>(attack.lead_in).count()},
                      {"min_events", attack.min_events}};
  json::Array peers;
  for (const Victim& peer : attack.peers) peers.push_back(to_json(peer));
  if (!peers.empty()) object["peers"] = std::move(peers);
  if (attack.given) object["given"] = text_array(*attack.given);
  return object;
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
  attack.min_events = TRY(TRY(reader.at("min_events")).integer(0, kMostEvents));
  if (auto peers = TRY(reader.find("peers")))
    for (const json::Reader& peer : TRY(peers->items())) attack.peers.push_back(TRY(victim_from_json(peer.value())));
  if (auto given = TRY(reader.find("given"))) attack.given = TRY(given->texts());
  return attack;
}

}  // namespace ordeal
