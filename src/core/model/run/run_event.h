// RunEvent: one line of a run's history. The engine makes them; terminal, report, metrics, record and --json only
// project them. Each type of docs/formats/events.md is one struct here, and run_event.cc names its fields once, for
// writing and reading alike. Not a message between processes: those are in guard/messages.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/input/attack.h"
#include "core/model/input/experiment.h"
#include "core/model/proof.h"
#include "core/model/run/verdict.h"

namespace ordeal {
namespace events {

struct Threshold {
  std::string op;  // < <= > >= == !=
  double value = 0;
  bool operator==(const Threshold&) const = default;
};

struct Expectation {
  std::string name, text, condition;
  std::vector<When> when;
  bool halt = true;
  std::string unit;     // "" is none
  std::string trigger;  // what is counted beside the query; "" is nothing
  std::optional<Threshold> threshold;
};

// Of how many allowed candidates the victims were chosen, and how many were asked for; neither is all of them.
struct Choice {
  int64_t candidates = 0;
  std::optional<double> percentage;
  std::optional<int64_t> count;
  bool operator==(const Choice&) const = default;
};

// One of several attacks of a run, or one that comes in pulses or steps; the events of its impacts have its name.
struct Part {
  std::string name;
  std::string attack;  // its type
  json::Object args;
  std::vector<std::string> given;  // arguments
  Nanos at{0}, length{0};
  std::string course;  // "5s on, 5s off"; "" is steady
  std::vector<std::string> victims;
  bool operator==(const Part&) const = default;
};

struct Run {
  std::string name, hypothesis, description;
  Attack attack;
  json::Value experiment;  // as resolved
  uint64_t seed = 0;
  std::vector<std::string> victims;
  std::vector<Expectation> expectations;
  std::vector<std::string> sources;
  std::string version;
  std::optional<Choice> choice;
  std::vector<Part> parts;  // empty: one attack, steady
};

struct PhaseBegun {
  Phase phase = Phase::kCheck;
  Nanos length{0};  // planned; 0 when open
  std::string why;
};

struct Look {
  uint64_t expectation = 0;
  std::string name;
  Reading reading = Reading::kNoData;
  Phase phase = Phase::kCheck;
  Nanos took{0};
  std::optional<double> value;
  std::string series, detail;
  std::optional<double> closeness;  // of what is counted: 1 is an alarm
};

struct Breach {
  uint64_t expectation = 0;
  std::string name;
  std::optional<double> value;
  std::string condition;
  Phase phase = Phase::kDuring;
  std::string trigger;  // expression, cusum, silence, count
  std::string text;     // a sentence with the number that decided
  Nanos since{0};
};

struct Injected {
  std::string victim;
  int impact = 0;
  std::vector<Step> steps;
  std::string part;
};

struct InjectFailed {
  std::string victim, error, hint;
  std::string part;
};

struct VictimGone {
  std::string victim;
  int impact = 0;
  std::string why;
  std::string part;
};

// What became of a victim on which something was done that cannot be undone: once when it is first seen to run again,
// and at the end of the run when it does not.
struct Returned {
  std::string victim;
  int impact = 0;
  bool there = false;
  std::optional<Nanos> after;  // from the deed to the first process that began anew; nothing when there was none
  std::string part;
};

struct Halt {
  std::string why;
  std::string by;  // breach, person, latch, lease, signal, engine, error
  BootTime requested;
};

enum class RevertResult { kClean, kFailed };

struct Reverted {
  int impact = 0;
  std::string victim;
  BootTime applied, reverted;
  Nanos took{0};
  RevertResult result = RevertResult::kClean;
  std::string why;
  std::string error;
  std::string part;
};

struct Proven {
  std::string victim;
  Proof proof;
  std::optional<int> impact;  // nothing in records of before there were several of one victim
  std::string part;
};

struct Action {
  uint64_t index = 0;
  std::string kind;                  // command, http, rollout, deployment
  std::string action;                // "undo the last change of the Deployment api"
  std::vector<std::string> command;  // of the kinds that have one: argv, request, calls
  json::Value request;
  std::vector<json::Value> calls;
  std::optional<int64_t> revision;  // to which an undo goes back
  bool ok = false;
  std::string result;
  std::string output;
  Nanos took{0};
};

enum class Level { kInfo, kWarning };

struct Note {
  Level level = Level::kInfo;
  std::string text;
};

struct Ended {
  Verdict verdict;
};

// Of a type that this program does not know: a newer one wrote it.
struct Unknown {
  std::string type;
  json::Object data;
};

using Data = std::variant<Run, PhaseBegun, Look, Breach, Injected, InjectFailed, VictimGone, Returned, Halt, Reverted,
                          Proven, Action, Note, Ended, Unknown>;

// "stopped with Ctrl-C", "halted by person: maintenance".
std::string in_words(const Halt& halt);
const char* to_text(RevertResult result);
const char* to_text(Level level);
std::string_view type_of(const Data& data);
json::Object to_json(const Data& data);
// An unknown type is no error; a field that is absent or of another type is one, which names it.
Result<Data> read(std::string_view type, const json::Reader& data);
Result<Data> read(std::string_view type, const json::Value& data);

}  // namespace events

struct RunEvent {
  int64_t seq = 0;
  std::string run;
  BootTime boot;
  Nanos wall{0};
  events::Data data;
};

json::Value to_json(const RunEvent& event);
Result<RunEvent> run_event_from_json(const json::Value& value);
// The event as this type; null when it is of another.
template <typename T>
const T* as(const RunEvent& event) {
  return std::get_if<T>(&event.data);
}

}  // namespace ordeal
