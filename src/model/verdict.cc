#include "model/verdict.h"

#include <array>

#include "json/reader.h"

namespace ordeal {
namespace {

struct OutcomeInfo {
  const char* text;
  ExitCode code;
};
constexpr std::array<OutcomeInfo, 8> kOutcomes{{{"held", ExitCode::kHeld},
                                                {"deviated", ExitCode::kDeviated},
                                                {"not injected", ExitCode::kInconclusive},
                                                {"inconclusive", ExitCode::kInconclusive},
                                                {"halted", ExitCode::kHalted},
                                                {"refused", ExitCode::kRefused},
                                                {"error", ExitCode::kInternal},
                                                {"revert failed", ExitCode::kRevertFailed}}};
constexpr std::array kPhases{"check", "before", "inject", "during", "revert", "after", "done"};
constexpr std::array kReadings{"holds", "breached", "undecided", "no_data"};

}  // namespace

ExitCode exit_code_of(Outcome outcome) { return kOutcomes[static_cast<size_t>(outcome)].code; }
const char* to_text(Outcome outcome) { return kOutcomes[static_cast<size_t>(outcome)].text; }
const char* to_text(Phase phase) { return kPhases[static_cast<size_t>(phase)]; }
const char* to_text(Reading reading) { return kReadings[static_cast<size_t>(reading)]; }

json::Value to_json(const Verdict& verdict) {
  return json::Object{{"outcome", to_text(verdict.outcome)},
                      {"exit", static_cast<int>(exit_code_of(verdict.outcome))},
                      {"reason", verdict.reason},
                      {"hint", verdict.hint}};
}

json::Value to_json(const RunEvent& event) {
  return json::Object{{"v", 1},
                      {"seq", event.seq},
                      {"run", event.run},
                      {"time", rfc3339(event.wall)},
                      {"boot_ns", event.boot.time_since_epoch().count()},
                      {"type", event.type},
                      {"data", event.data}};
}

Result<RunEvent> run_event_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  TRY_VOID(TRY(reader.at("v")).integer(1, 1).map([](auto) {}));
  RunEvent event;
  event.seq = TRY(TRY(reader.at("seq")).integer(0, INT64_MAX));
  event.run = TRY(TRY(reader.at("run")).text());
  event.boot = BootTime(Nanos(TRY(TRY(reader.at("boot_ns")).integer(0, INT64_MAX))));
  event.wall = TRY(parse_rfc3339(TRY(TRY(reader.at("time")).text())));
  event.type = TRY(TRY(reader.at("type")).text());
  json::Reader data = TRY(reader.at("data"));
  if (!data.value().is_object()) return data.expected("an object");
  event.data = data.value().get_object();
  return event;
}

}  // namespace ordeal
