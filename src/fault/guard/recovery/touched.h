// Whether a difference of two fingerprints can be of a run's making, by what the run claimed (model/claim.h) and by the
// names that Ordeal gives to what it makes.
#pragma once

#include <string>
#include <vector>

#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/fingerprint.h"

namespace ordeal::guard {

// A claim of which this version does not know what it changes may have touched everything. `hierarchies`: where cgroups
// are mounted (CgroupTree); a cgroup that is in none of them, or that its mount does not show, counts as touched.
bool is_touched(const sys::Difference& difference, const std::vector<std::string>& claims,
                const std::vector<sys::Hierarchy>& hierarchies);

}  // namespace ordeal::guard
