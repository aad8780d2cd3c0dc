// The attacks of an experiment as they stand in its file, found and checked: of several, of pulses and of ramps each.
#pragma once

#include <vector>

#include "core/model/input/experiment.h"
#include "fault/attacks/fault.h"

namespace ordeal::fault {

// Completes the arguments of each, and fills in `schedule` and the length of the whole. One fault for each part, or the
// only one's.
Result<std::vector<const Fault*>> resolve_all(Experiment& experiment);

}  // namespace ordeal::fault
