// What will count as evidence for each expectation of an experiment, and whether it can ever be enough: known before
// anything is injected.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"

namespace ordeal::session {

struct EvidencePlan {
  std::string text;              // a sentence
  std::optional<Error> refusal;  // why the run cannot hold, whatever happens
};
// `sample_every`: how often the source takes samples; 0 where that is not known.
EvidencePlan plan_evidence(const Experiment& experiment, const Expectation& expectation, Nanos sample_every);

// What of several attacks, pulses and ramps may be too short for the windows of the queries, in sentences.
std::vector<std::string> short_attacks(const Experiment& experiment, Nanos sample_every);

// A `for` or a `within` that the attack cannot outlast is bad input: nothing could ever breach the expectation in it.
Result<> check_lasting(const Experiment& experiment);

}  // namespace ordeal::session
