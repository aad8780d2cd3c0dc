// An Argo file as expectations of a run (`ordeal run --expect rollback.yaml`): each prometheus metric of its analyses
// becomes an Expectation, its address the source, and its Rollout what is aborted after a breach. Pure.
//
//   name        the metric's
//   query       resolved
//   condition   S, !(F), or S && !(F) of successCondition S and failureCondition F: what is Inconclusive does not hold
//   when        before and during: nothing is injected while it does not hold; the recovery is the experiment's matter
//   for         failureLimit × interval, since Argo lets so many failures pass; failureLimit -1 does not halt
//   no_data     pass where the condition says that an empty or a NaN result is fine, else hold
// Metrics of dryRun are left out. What differs from Argo is said in `notes`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/input/experiment.h"
#include "interop/argo/objects/manifest.h"

namespace ordeal::argo {

struct DeriveOptions {
  std::map<std::string, std::string> args;  // by a person; each must be known to one analysis
  std::string environment_address;          // ARGO_ROLLOUTS_PROMETHEUS_ADDRESS
  bool own_source = false;  // the experiment or a flag says where to ask: the file's address and login do not count
};

struct Derived {
  std::vector<Expectation> expect;
  std::string prometheus;                // "" with own_source
  std::vector<const Rollout*> rollouts;  // of the manifest, which must outlive this
  std::vector<std::string> notes;        // what was made of the file
  std::vector<std::string> warnings;     // where a real Argo would do something else
};

Result<Derived> derive_expectations(const Manifest& manifest, const DeriveOptions& options);

}  // namespace ordeal::argo
