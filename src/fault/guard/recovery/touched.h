// Whether a difference of two fingerprints can be of a run's making, by what the run claimed (model/claim.h) and by the
// names that Ordeal gives to what it makes.
#pragma once

#include <string>
#include <vector>

#include "platform/sys/fingerprint.h"

namespace ordeal::guard {

// A claim of which this version does not know what it changes may have touched everything.
bool is_touched(const sys::Difference& difference, const std::vector<std::string>& claims);

}  // namespace ordeal::guard
