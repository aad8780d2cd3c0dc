// What a plan prints of an experiment, on a host and in a cluster alike.
#pragma once

#include <vector>

#include "core/json/value.h"
#include "core/model/input/experiment.h"
#include "fault/attacks/fault.h"

namespace ordeal::cli {

void print_attack(const Attack& attack, const fault::Fault& fault);
// `sample_every`: how often its source takes samples.
void print_expectation(const Experiment& experiment, const Expectation& expectation, Nanos sample_every);
void print_rollback(const std::vector<RollbackAction>& actions);
// What is counted beside its query.
json::Object trigger_json(const Expectation& expectation);

}  // namespace ordeal::cli
