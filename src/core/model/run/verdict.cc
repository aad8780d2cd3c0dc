#include "core/model/run/verdict.h"

#include <array>

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

}  // namespace ordeal
