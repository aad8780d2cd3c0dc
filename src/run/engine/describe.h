// Words and records of a run: what the machine says, without any decision.
#pragma once

#include <string>

#include "judge/fast_trigger.h"
#include "judge/judge.h"
#include "run/engine/machine.h"

namespace ordeal::engine {

events::Run describe_run(const Setup& setup);
// "error rate reached 3.4 % (limit: below 1 %)"
std::string describe_breach(const judge::Judge& judge, const judge::Judgement& judgement);
// "312 ms at route=/pay" and "limit: below 1 s"; without a single limit "204" and "expected result == 200".
struct ReadingInWords {
  std::string value;  // "" where it is not one number
  std::string limit;
};
ReadingInWords describe_reading(const judge::Judge& judge, const judge::Judgement& judgement);
// "error rate: 57 of 240 events were bad (23.8 %) within 900ms; 1 % allowed". The query, which lags behind, is left
// out.
std::string describe_alarm(const Expectation& expectation, const judge::FastAlarm& alarm);
// "error rate: 400 of 3000 events were bad (13.3 %) during the attack; 1 % allowed. Its query did not show them"
std::string describe_counted(const Expectation& expectation, const judge::CountedShare& share,
                             const judge::FastOptions& options);
// A probe answers within its own time limit, if only that there was none. Without an answer for longer, watching is
// dead and the lease is not renewed; without data for longer at the attack's end, nothing is proven.
Nanos answer_at_most(const Expectation& expectation);
constexpr const char* kOwnLack = "this says nothing about the system: fix the source or the probe, then run it again";
std::string describe_held(const Setup& setup);
// How long a phase is planned to take; 0 when it is open.
Nanos planned_length(const Experiment& experiment, Phase phase);

}  // namespace ordeal::engine
