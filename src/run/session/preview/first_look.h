// FirstLook: what each expectation of an experiment says now, without a fault. Sources and probes are asked until each
// has given a first value, or until it is clear that none comes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/input/experiment.h"
#include "core/model/run/exit_code.h"
#include "core/model/run/verdict.h"

namespace ordeal::session {

struct FirstReading {
  std::string name;
  Reading reading = Reading::kNoData;  // kHolds, kBreached or kNoData
  bool asked = true;                   // false: left out, since asking may change something
  std::optional<double> value;         // the worst element, or the scalar
  std::string series;                  // which element
  std::string value_text;              // "312 ms at route=/pay"; "" without one value
  std::string limit_text;              // "limit: below 1 s"
  std::string caveat;                  // how it was read, for a person
  std::string why;                     // there is no value
  std::string advice;                  // what to do about it
  bool before = true;                  // the run needs it before the attack
};

enum class Ask { kAll, kHarmless };  // kHarmless: no program is started and nothing but GET and HEAD is sent

// One for each expectation, in their order. Blocks for at most some seconds and the longest timeout of a probe;
// `waiting` is called once, when it takes more than 2 s, with the names of those that have no value yet. Fails when no
// watcher can be made. Every query must have been checked.
using Waiting = std::function<void(const std::vector<std::string>& names)>;
Result<std::vector<FirstReading>> look_once(const Experiment& experiment, Ask ask, const Waiting& waiting = {});

// 1 when one does not hold, else 4 when one that was asked has no data.
ExitCode exit_code_of(const std::vector<FirstReading>& readings);
// "p95 of users: 312 ms (limit: below 1 s), holds"; "queue: no data: there is no metric …"
std::string in_words(const FirstReading& reading);
json::Value to_json(const FirstReading& reading);

}  // namespace ordeal::session
