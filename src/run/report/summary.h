// RunSummary: what the events of one run say, in the order that a report needs. A pure projection: nothing is judged
// anew, the verdict is the engine's. Works on the events of an interrupted run; what never came stays empty.
// All instants are BootTime; `wall` of the summary turns them into dates.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/json/value.h"
#include "core/model/run/run_event.h"

namespace ordeal::report {

struct PhaseSpan {
  Phase phase = Phase::kCheck;
  BootTime begin, end;
  Nanos planned{0};  // 0 when open
  std::string why;
};

struct Sample {
  BootTime at;
  Phase phase = Phase::kCheck;
  Reading reading = Reading::kNoData;
  std::optional<double> value;
  std::string series, detail;
};

using events::Threshold;

// How an expectation ended in one of its times (before, during, after).
enum class ExpectationStatus { kNotReached, kHeld, kBreached, kUndecided };

struct WhenSummary {
  When when = When::kDuring;
  ExpectationStatus status = ExpectationStatus::kNotReached;
  size_t looks = 0;
  size_t without_data = 0;
  // The one farthest on the wrong side; of `after`, and where no side is wrong, the last one.
  std::optional<double> value;
  std::optional<double> worst;  // the same as `value`, but of `after` too the one farthest on the wrong side
};

// What became of the readings of an expectation: all of them, whether they are judged or only shown.
struct EffectSummary {
  std::optional<double> before, during, after;  // the worst of each; `during` from the fault's begin on
  std::optional<double> factor;                 // during / before, where both are more than 0
  bool left = false;                            // it was outside its limit at some time after the fault began
  std::optional<BootTime> back;                 // the first reading within it after the last one outside
  std::optional<Nanos> recovered;               // from the fault's end to `back`; 0 when it was back before that
};

struct ExpectationSummary {
  std::string name, text, condition, unit;
  std::string trigger;  // what is counted beside the query; "" is nothing
  std::optional<Threshold> threshold;
  bool halts = true;
  std::vector<WhenSummary> when;  // only those that the expectation names
  std::vector<Sample> samples;
  EffectSummary effect{};

  ExpectationStatus status() const;  // breached, then undecided, then held, then not reached
  // Whether what is read in this phase is judged at all; one that names only `after` is just shown during the attack.
  bool counts_in(Phase phase) const;
};

struct BreachSummary {
  BootTime at;
  size_t expectation = 0;
  std::string name, condition, trigger;
  Phase phase = Phase::kDuring;
  std::optional<double> value;
  Nanos since{0};
  std::string text;  // a sentence with the number that decided
  bool counted() const { return trigger == "cusum" || trigger == "silence"; }
};

// "latency on api"; without a part, the victim alone.
inline std::string title_of(const std::string& victim, const std::string& part) {
  return part.empty() ? victim : part + " on " + victim;
}

struct ImpactSummary {
  int id = 0;
  std::string victim;
  std::string part;                // of several attacks, or of one in pulses or steps; "" is the only one
  std::vector<std::string> steps;  // what each does
  BootTime begin;
  std::optional<BootTime> end;
  Nanos revert_took{0};
  std::optional<events::RevertResult> result;  // nothing while in force
  std::string error;
  std::string gone;  // why the victim went

  bool one_way = false;           // no step of it can be undone: there is nothing to revert
  std::string lasting;            // what no revert gives back: "2 processes were killed"; "" is nothing
  std::vector<BootTime> moments;  // when that was done, the first ones; empty when nothing was done
  std::optional<bool> there;      // whether the victim ran again when the run ended; nothing when that is not known
  std::optional<Nanos> back;      // from what was done to the first process that began anew

  bool dead() const { return there && !*there; }
  std::string title() const { return title_of(victim, part); }
};

struct ForceSpan {
  std::string part;
  BootTime begin, end;
};

struct FailedInjection {
  BootTime at;
  std::string victim, error, hint;
  std::string part{};
  std::string title() const { return title_of(victim, part); }
};

struct HaltSummary {
  BootTime requested, at;
  std::string why, by;
};

struct ActionSummary {
  BootTime at;
  std::string text;  // "abort the Rollout api in shop"
  bool ok = false;
  std::string result;  // "exited with 1"
  std::string output;
  Nanos took{0};
};

struct VerdictSummary {
  std::string outcome;  // words: "held", "not injected"
  int exit = 7;
  std::string reason, hint;
};

struct RunSummary {
  std::string run, name, hypothesis, description, version;
  Attack attack{.length = Nanos(0)};
  json::Value experiment;
  std::optional<uint64_t> seed;
  std::vector<std::string> victims, sources;
  std::vector<events::Part> parts;       // of several attacks
  std::optional<events::Choice> choice;  // of how many candidates the victims were chosen
  BootTime begin, end;
  Nanos wall_offset{0};

  std::vector<PhaseSpan> phases;
  std::vector<ExpectationSummary> expectations;
  std::vector<BreachSummary> breaches;
  std::vector<ImpactSummary> impacts;
  std::vector<FailedInjection> failed;
  std::vector<events::Proven> proofs;
  std::vector<ActionSummary> actions;
  std::vector<std::string> notes;  // warnings of the run, in its order
  std::optional<HaltSummary> halt;
  std::optional<VerdictSummary> verdict;  // absent for an interrupted run
  std::vector<RunEvent> timeline;         // every event but the readings, with those where an expectation changed

  std::string wall(BootTime at) const { return rfc3339(at.time_since_epoch() + wall_offset); }
  // From the first impact in force to the last one reverted (the end of the run while one is in force). A delay before
  // a kill is no part of it, and a run that ended before the kill has neither.
  std::optional<BootTime> attack_begin() const;
  std::optional<BootTime> attack_end() const;
  // From when on the system could recover: the attack's end; of kills, the last one.
  std::optional<BootTime> recovery_begin() const;
  // Latencies; absent when one of their ends is. Detection counts from the first impact to the first later breach.
  std::optional<Nanos> detection() const;
  std::optional<Nanos> breach_to_halt() const;
  std::optional<Nanos> halt_to_reverted() const;
  const Proof* proof_of(const ImpactSummary& impact) const;  // null where none came
  // The times in which each attack was in force, those of its victims together; of one steady attack, one.
  std::vector<ForceSpan> spans_in_force() const;
  bool all_reverted_clean() const;  // of the faults, not of the victims; true when nothing was injected
  bool one_way() const;             // all that was injected cannot be undone; false when nothing was
  // Victims that did not run when the run ended, and those on which the fault was not confirmed.
  std::vector<std::string> dead() const;
  // Victims that went away while their fault was in force, whether or not they came back.
  std::vector<std::string> gone() const;
  std::vector<std::string> unproven() const;
  // The expectation that was the last to be back within its limit, or is not back; null when none was ever outside.
  const ExpectationSummary* slowest() const;
};

RunSummary summarize(const std::vector<RunEvent>& events);

// No step can be undone; false of none.
bool is_one_way(const std::vector<Step>& steps);

// Of a `run` event; without samples.
std::vector<ExpectationSummary> expectations_of(const events::Run& run);

// `begin` and `end`: the fault's, as far as there was one.
EffectSummary effect_of(const ExpectationSummary& expectation, std::optional<BootTime> begin,
                        std::optional<BootTime> end);

// Whether `value` is worse than `than` for a condition with this threshold (above for <, below for >).
bool is_worse(double value, double than, const std::optional<Threshold>& threshold);

}  // namespace ordeal::report
