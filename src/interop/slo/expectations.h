// The objectives of OpenSLO as expectations of a run: what must hold over the last minute, so that the budget does not
// burn faster than it lasts; of time slices, what each of them must reach. From a ratio of counters the fast trigger
// counts the events themselves. Pure.
#pragma once

#include <vector>

#include "core/model/input/experiment.h"
#include "interop/slo/openslo.h"

namespace ordeal::slo {

std::vector<Expectation> expectations_of(const std::vector<Slo>& slos);

}  // namespace ordeal::slo
