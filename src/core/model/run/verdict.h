// Verdict: what a run ends with, and the number that decided it.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/json/value.h"
#include "core/model/run/exit_code.h"

namespace ordeal {

enum class Outcome { kHeld, kDeviated, kNotInjected, kInconclusive, kHalted, kRefused, kError, kRevertFailed };

struct Verdict {
  Outcome outcome = Outcome::kInconclusive;
  std::string reason;  // a sentence with the deciding number
  std::string hint;    // what to do next; may be empty
};

ExitCode exit_code_of(Outcome outcome);
const char* to_text(Outcome outcome);
json::Value to_json(const Verdict& verdict);

// The phases of a run, in order.
enum class Phase { kCheck, kBefore, kInject, kDuring, kRevert, kAfter, kDone };
const char* to_text(Phase phase);

// An observation of one expectation at one tick.
enum class Reading { kHolds, kBreached, kUndecided, kNoData };
const char* to_text(Reading reading);

}  // namespace ordeal
