#include "core/model/run/run_event.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include <array>

#include "core/model/fields.h"

namespace ordeal::json {

using namespace ordeal::events;

template <>
struct Codec<Phase> : Words<Phase, 7> {};
template <>
struct Codec<Reading> : Words<Reading, 4> {};
template <>
struct Codec<When> : Words<When, 3> {};
template <>
struct Codec<RevertResult> : Words<RevertResult, 2> {};
template <>
struct Codec<Level> : Words<Level, 2> {};
template <>
struct Codec<Outcome> : Words<Outcome, 8> {};

template <>
struct Shape<Threshold> {
  static constexpr auto kFields = std::tuple{must("op", &Threshold::op), must("value", &Threshold::value)};
};
template <>
struct Shape<events::Expectation> {
  using T = events::Expectation;
  static constexpr auto kFields =
      std::tuple{must("name", &T::name), must("text", &T::text),         must("condition", &T::condition),
                 must("when", &T::when), must("halt", &T::halt),         may("trigger", &T::trigger),
                 may("unit", &T::unit),  may("threshold", &T::threshold)};
};
template <>
struct Shape<Choice> {
  static constexpr auto kFields = std::tuple{must("candidates", &Choice::candidates),
                                             may("percentage", &Choice::percentage), may("count", &Choice::count)};
};
template <>
struct Shape<events::Part> {
  using T = events::Part;
  static constexpr auto kFields = std::tuple{
      must("name", &T::name), must("attack", &T::attack),    must("args", &T::args),    must("given", &T::given),
      must("at_ms", &T::at),  must("length_ms", &T::length), may("course", &T::course), must("victims", &T::victims)};
};
template <>
struct Shape<Run> {
  static constexpr std::string_view kName = "run";
  static constexpr auto kFields = std::tuple{must("name", &Run::name),
                                             must("hypothesis", &Run::hypothesis),
                                             must("description", &Run::description),
                                             must("attack", &Run::attack),
                                             must("experiment", &Run::experiment),
                                             must("seed", &Run::seed),
                                             must("victims", &Run::victims),
                                             must("expectations", &Run::expectations),
                                             must("sources", &Run::sources),
                                             must("version", &Run::version),
                                             may("choice", &Run::choice),
                                             may("parts", &Run::parts)};
};
template <>
struct Shape<PhaseBegun> {
  static constexpr std::string_view kName = "phase";
  static constexpr auto kFields = std::tuple{must("phase", &PhaseBegun::phase), must("length_ms", &PhaseBegun::length),
                                             must("why", &PhaseBegun::why)};
};
template <>
struct Shape<Look> {
  static constexpr std::string_view kName = "reading";
  static constexpr auto kFields = std::tuple{must("expectation", &Look::expectation),
                                             must("name", &Look::name),
                                             must("reading", &Look::reading),
                                             must("phase", &Look::phase),
                                             must("took_ms", &Look::took),
                                             may("value", &Look::value),
                                             may("series", &Look::series),
                                             may("detail", &Look::detail),
                                             may("closeness", &Look::closeness)};
};
template <>
struct Shape<Breach> {
  static constexpr std::string_view kName = "breach";
  static constexpr auto kFields = std::tuple{must("expectation", &Breach::expectation),
                                             must("name", &Breach::name),
                                             must("value", &Breach::value),
                                             must("condition", &Breach::condition),
                                             must("phase", &Breach::phase),
                                             must("trigger", &Breach::trigger),
                                             must("text", &Breach::text),
                                             must("since_ms", &Breach::since)};
};
template <>
struct Shape<Injected> {
  static constexpr std::string_view kName = "inject";
  static constexpr auto kFields = std::tuple{must("victim", &Injected::victim), must("impact", &Injected::impact),
                                             must("steps", &Injected::steps), may("part", &Injected::part)};
};
template <>
struct Shape<InjectFailed> {
  static constexpr std::string_view kName = "inject_failed";
  static constexpr auto kFields = std::tuple{must("victim", &InjectFailed::victim), must("error", &InjectFailed::error),
                                             must("hint", &InjectFailed::hint), may("part", &InjectFailed::part)};
};
template <>
struct Shape<events::VictimGone> {
  using T = events::VictimGone;
  static constexpr std::string_view kName = "victim_gone";
  static constexpr auto kFields =
      std::tuple{must("victim", &T::victim), must("impact", &T::impact), must("why", &T::why), may("part", &T::part)};
};
template <>
struct Shape<events::Returned> {
  using T = events::Returned;
  static constexpr std::string_view kName = "returned";
  static constexpr auto kFields =
      std::tuple{must("victim", &T::victim), must("impact", &T::impact), must("there", &T::there),
                 may("after_ms", &T::after), may("part", &T::part)};
};
template <>
struct Shape<Halt> {
  static constexpr std::string_view kName = "halt";
  static constexpr auto kFields =
      std::tuple{must("why", &Halt::why), must("by", &Halt::by), must("requested_boot_ns", &Halt::requested)};
};
template <>
struct Shape<events::Reverted> {
  using T = events::Reverted;
  static constexpr std::string_view kName = "reverted";
  static constexpr auto kFields = std::tuple{must("impact", &T::impact),
                                             must("victim", &T::victim),
                                             must("applied_boot_ns", &T::applied),
                                             must("reverted_boot_ns", &T::reverted),
                                             must("took_ms", &T::took),
                                             must("result", &T::result),
                                             must("why", &T::why),
                                             must("error", &T::error),
                                             may("part", &T::part)};
};
template <>
struct Shape<Action> {
  static constexpr std::string_view kName = "action";
  static constexpr auto kFields =
      std::tuple{must("index", &Action::index),      must("kind", &Action::kind),      must("action", &Action::action),
                 may("command", &Action::command),   may("request", &Action::request), may("calls", &Action::calls),
                 may("revision", &Action::revision), must("ok", &Action::ok),          must("result", &Action::result),
                 must("output", &Action::output),    must("took_ms", &Action::took)};
};
template <>
struct Shape<Note> {
  static constexpr std::string_view kName = "note";
  static constexpr auto kFields = std::tuple{must("level", &Note::level), must("text", &Note::text)};
};

// What a proof and a verdict have stands beside the other fields.
template <>
struct Shape<Proven> {
  static constexpr std::string_view kName = "proof";
};
template <>
void write_fields(const Proven& proven, Object& object) {
  object = to_json(proven.proof).as_object();
  object["victim"] = proven.victim;
  if (proven.impact) object["impact"] = *proven.impact;
  if (!proven.part.empty()) object["part"] = proven.part;
}
template <>
struct Codec<Proven> {
  static Result<Proven> read(const Reader& reader) {
    Proven proven;
    proven.victim = TRY(Codec<std::string>::read(TRY(reader.at("victim"))));
    proven.proof = TRY((Whole<Proof, proof_from_json>::read(reader)));
    if (auto field = TRY(reader.find("impact"))) proven.impact = TRY(Codec<int>::read(*field));
    if (auto field = TRY(reader.find("part"))) proven.part = TRY(Codec<std::string>::read(*field));
    return proven;
  }
};
template <>
struct Shape<Ended> {
  static constexpr std::string_view kName = "verdict";
};
template <>
void write_fields(const Ended& ended, Object& object) {
  object = to_json(ended.verdict).as_object();
}
template <>
struct Codec<Ended> {
  static Result<Ended> read(const Reader& reader) {
    Ended ended;
    ended.verdict.outcome = TRY(Codec<Outcome>::read(TRY(reader.at("outcome"))));
    ended.verdict.reason = TRY(Codec<std::string>::read(TRY(reader.at("reason"))));
    ended.verdict.hint = TRY(Codec<std::string>::read(TRY(reader.at("hint"))));
    auto exit = static_cast<int64_t>(exit_code_of(ended.verdict.outcome));
    TRY(TRY(reader.at("exit")).integer(exit, exit));
    return ended;
  }
};
// No event is of this name, since a type is never empty.
template <>
struct Shape<Unknown> {
  static constexpr std::string_view kName = "";
  static constexpr std::tuple<> kFields{};
};

}  // namespace ordeal::json

namespace ordeal::events {

std::string in_words(const Halt& halt) {
  if (halt.by == "signal")
    return halt.why == strsignal(SIGINT) ? "stopped with Ctrl-C" : "stopped by a signal: " + halt.why;
  if (halt.by == "lease") return "Ordeal was suspended or hung, so the fault was removed: " + halt.why;
  return fmt::format("halted by {}: {}", halt.by, halt.why);
}

const char* to_text(RevertResult result) { return result == RevertResult::kClean ? "clean" : "failed"; }
const char* to_text(Level level) { return level == Level::kInfo ? "info" : "warning"; }

std::string_view type_of(const Data& data) {
  const auto* unknown = std::get_if<Unknown>(&data);
  return unknown ? std::string_view(unknown->type) : json::Tagged<Data>::name(data);
}

json::Object to_json(const Data& data) {
  if (const auto* unknown = std::get_if<Unknown>(&data)) return unknown->data;
  json::Object object;
  json::Tagged<Data>::write(data, object);
  return object;
}

Result<Data> read(std::string_view type, const json::Reader& data) {
  if (!data.value().is_object()) return data.expected("an object");
  auto known = TRY(json::Tagged<Data>::read(type, data));
  return known ? std::move(*known) : Data(Unknown{std::string(type), data.value().get_object()});
}

Result<Data> read(std::string_view type, const json::Value& data) {
  json::Document document{data, {}};
  return read(type, json::Reader(document));
}

}  // namespace ordeal::events

namespace ordeal {

json::Value to_json(const RunEvent& event) {
  return json::Object{{"v", 1},
                      {"seq", event.seq},
                      {"run", event.run},
                      {"time", rfc3339(event.wall)},
                      {"boot_ns", event.boot.time_since_epoch().count()},
                      {"type", events::type_of(event.data)},
                      {"data", events::to_json(event.data)}};
}

Result<RunEvent> run_event_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  TRY(TRY(reader.at("v")).integer(1, 1));
  RunEvent event;
  event.seq = TRY(TRY(reader.at("seq")).integer(0, INT64_MAX));
  event.run = TRY(TRY(reader.at("run")).text());
  event.boot = BootTime(Nanos(TRY(TRY(reader.at("boot_ns")).integer(0, INT64_MAX))));
  event.wall = TRY(parse_rfc3339(TRY(TRY(reader.at("time")).text())));
  event.data = TRY(events::read(TRY(TRY(reader.at("type")).text()), TRY(reader.at("data"))));
  return event;
}

}  // namespace ordeal
