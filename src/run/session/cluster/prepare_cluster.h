// ClusterPrepared: an Experiment of a cluster, checked and resolved against what is known of the cluster: who would be
// hit, and by which rule it is refused. Making one asks nobody anything; what must be asked first (workloads, Secrets,
// rights) is said by needs_of().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/attacks/fault.h"
#include "run/session/cluster/cluster_world.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::session {

// An Experiment as the API has it, decoded and complete: arguments resolved, seed set. kInvalidInput names the field.
// What would run programs in the controller is refused: who may write an Experiment may not do that.
struct ClusterExperiment {
  Experiment experiment;
  const fault::Fault* fault = nullptr;
};
Result<ClusterExperiment> read_cluster_experiment(const cluster::ExperimentObject& object, uint64_t seed);

// The Secret keys of its sources, and what became of them: of each "NAME/KEY" its value.
std::vector<SecretKey> secrets_of(const Experiment& experiment);
using SecretValues = std::map<std::string, std::string>;
std::string to_text(const SecretKey& key);
watch::SourceLogin login_of(const Experiment& experiment, const SecretValues& values);

struct ClusterInputs {
  std::string namespace_, name;  // of the Experiment
  const cluster::View& view;
  std::string policy, policy_origin;  // the text, and "ConfigMap ordeal/ordeal-config"
  ActiveLoad load;                    // of all runs that are active
  bool rollback = false;              // the installation may roll back
  Nanos lease = cluster::kClusterLease;
};

struct ClusterPrepared {
  Experiment experiment;
  const fault::Fault* fault = nullptr;
  Policy policy;
  int64_t candidates = 0;             // that the rules allow
  std::vector<Victim> victims;        // chosen
  std::vector<ClusterTarget> targets;  // of each victim
  json::Value plan;                   // for the record
  std::vector<std::string> warnings;
  Nanos sample_every{0};

  bool one_way() const { return fault->info().step == StepKind::kOneWay; }
};
// kRefused names the rule; kInvalidInput the field; kNotInjected: nothing matches.
Result<ClusterPrepared> prepare_cluster(ClusterExperiment experiment, const ClusterInputs& inputs);
// What the sources say of themselves, once they have answered.
Result<> take_source_check(ClusterPrepared& prepared, Nanos fastest, Nanos slowest, const std::string& warning);

// Whether enough pods of the target still run that are not hit; the rule that is broken, or "".
std::string broken_floor(const ClusterPrepared& prepared, const cluster::View& view);

}  // namespace ordeal::session
