// The words of every report and of the terminal: verdicts, phases, conditions, events and what to do next, in one
// place so that all of them say the same. Plain text; the caller escapes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "run/report/summary.h"

namespace ordeal::report {

enum class Tone { kGood, kBad, kAlarm, kNeutral };

struct Headline {
  Tone tone = Tone::kNeutral;
  std::string mark;   // ✓ ✕ ! –: the tone for those who see no colour
  std::string title;  // "The hypothesis held"
};
// Of an outcome's word; "" is a run without a verdict.
Headline headline_of(const std::string& outcome);
Headline headline_of(const RunSummary& summary);

const char* name_of(Phase phase);  // "baseline", "attack", "recovery"
const char* name_of(ExpectationStatus status);
const char* mark_of(ExpectationStatus status);

const char* name_of_value(const WhenSummary& when);    // what its value is: "worst", "at the end"
std::string date_in_words(const RunSummary& summary);  // "2026-11-23 20:15:04 UTC"

// The unit as given, else as the query's text tells.
std::string unit_of(const ExpectationSummary& expectation);
// "must stay below 1 s"; the condition as written when it has no single threshold.
std::string condition_in_words(const ExpectationSummary& expectation);
std::string limit_in_words(const ExpectationSummary& expectation);  // "limit 1 s", "" without a threshold
// "latency (delay 500ms, port 8000) for 1 min on 3 victims: api-1, api-2, api-3"; only arguments that were given.
// Of several attacks, each with its time: "cpu (percent 80) for 1 min on 1 victim: api; latency …, from 10 s on".
std::string attack_in_words(const Attack& attack, const std::vector<std::string>& victims,
                            const std::vector<events::Part>& parts = {});
std::string attack_in_words(const RunSummary& summary);
std::string defaults_in_words(const Attack& attack);     // of its other arguments; "" is none
std::string choice_in_words(const RunSummary& summary);  // "asked 50 %, hit 1 of 3 (33 %)"; "" where all were
// "210 ms before, 1.03 s during the attack (4.9×); back within its limit 1.2 s after the fault was off"; "" is nothing.
std::string effect_in_words(const RunSummary& summary, const ExpectationSummary& expectation);

std::string halt_in_words(const HaltSummary& halt);  // "stopped with Ctrl-C"

struct RevertText {
  Tone tone = Tone::kNeutral;
  std::string text;    // "✓ clean in 6.2 ms", "✓ nothing to revert"
  std::string detail;  // "running again 310 ms after the kill"; may be empty
};
RevertText revert_in_words(const ImpactSummary& impact);

// One line of the run's timeline.
struct EventText {
  Tone tone = Tone::kNeutral;
  std::string kind;    // "breach"
  std::string text;    // "p95 latency was 1.24 s, condition result < 1"
  std::string detail;  // steps, error, output; may be empty
};
EventText describe(const RunEvent& event, const std::vector<ExpectationSummary>& expectations);
// Knows also what was done to whom.
EventText describe(const RunEvent& event, const RunSummary& summary);

std::vector<std::string> next_steps(const RunSummary& summary);

}  // namespace ordeal::report
