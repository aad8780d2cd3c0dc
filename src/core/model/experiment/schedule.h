// Schedule: from the parts of an experiment to the stints in which they are in force. Pure; times count from the moment
// at which what starts first is in force.
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"

namespace ordeal {

// At least this long is each pulse, each pause between two and each step of a ramp: shorter ones cannot be kept apart.
constexpr Nanos kLeastStint = 1s;
constexpr int64_t kMostStints = 500;  // of an experiment

// The attacks of a ramp's steps, as a file would state them: their arguments are not resolved. One that needs no ramp
// is its only step. An error names the field.
Result<std::vector<Attack>> steps_of(const Part& part, const AttackInfo& info);
// `steps` are those of steps_of(), resolved.
std::vector<Stint> stints_of(const Part& part, size_t index, const std::vector<Attack>& steps);
// In the order in which they start.
void sort_by_start(std::vector<Stint>& stints);
// From the first start to the last end.
Nanos window_of(const std::vector<Stint>& stints);
bool overlap(const Stint& a, const Stint& b);

}  // namespace ordeal
