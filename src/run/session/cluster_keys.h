// What only a cluster understands, refused where a run is prepared on one host: a key that nobody here acts on must not
// look as if it were obeyed. Errors (kInvalidInput) name the field and what to do.
#pragma once

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"

namespace ordeal::session {

Result<> refuse_cluster_keys(const Experiment& experiment);
// What only a host does yet: several attacks in one experiment, pulses, ramps.
Result<> refuse_host_keys(const Experiment& experiment);
// Caps and gates that would bind nobody; what only opens a gate does no harm.
Result<> refuse_cluster_keys(const Policy& policy);

}  // namespace ordeal::session
