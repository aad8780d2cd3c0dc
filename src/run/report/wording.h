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
// "latency (delay 500ms, port 8000) for 1 min on 3 victims: api-1, api-2, api-3"
std::string attack_in_words(const Attack& attack, const std::vector<std::string>& victims);

// One line of the run's timeline.
struct EventText {
  Tone tone = Tone::kNeutral;
  std::string kind;    // "breach"
  std::string text;    // "p95 latency was 1.24 s, condition result < 1"
  std::string detail;  // steps, error, output; may be empty
};
EventText describe(const RunEvent& event, const std::vector<ExpectationSummary>& expectations);

std::vector<std::string> next_steps(const RunSummary& summary);

}  // namespace ordeal::report
