// ClusterPrepared: an Experiment of a cluster, checked and resolved against what is known of the cluster: who would be
// hit, or by which rule it is refused. Making one asks nobody anything; what must be asked first (workloads, Secrets,
// rights, the sources) is the caller's business.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/attacks/fault.h"
#include "fault/target/cluster/follow.h"
#include "run/session/cluster/cluster_world.h"
#include "run/session/cluster/kept.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::session {

// An Experiment as the API has it, decoded and complete: arguments resolved, seed set. kInvalidInput names the field.
// What would run programs in the controller, or act beyond the Experiment's namespace, is refused: who may write an
// Experiment may not do that.
struct ClusterExperiment {
  Experiment experiment;
  const fault::Fault* fault = nullptr;
};
Result<ClusterExperiment> read_cluster_experiment(const cluster::ExperimentObject& object, uint64_t seed);
// What read_cluster_experiment() refuses of one that is decoded already.
Result<> check_for_cluster(const Experiment& experiment, const std::string& home);

// Whether its target is where the policy lets one from `home` act. To be asked before anything of the target is looked
// at: a refusal must not tell what is there.
Result<> check_home(const Experiment& experiment, const std::string& home, const std::string& policy,
                    const std::string& origin);

// The keys of Secrets that its sources need; their values by to_text(key); who we are with them.
std::vector<SecretKey> secrets_of(const Experiment& experiment);
std::string to_text(const SecretKey& key);
using SecretValues = std::map<std::string, std::string>;
watch::SourceLogin login_of(const Experiment& experiment, const SecretValues& values);

struct ClusterInputs {
  std::string home;            // the Experiment's namespace
  std::string own_namespace;   // Ordeal's
  const cluster::View& view;   // with the workload that the target names
  std::string policy, origin;  // its text, and what it is called
  target::ClusterLoad load{};  // of all runs that are active
};

// A victim's own page: good only for as long as the pod has the address, which another pod may get after it.
struct PodPage {
  std::string uid, ip, url;
};

struct ClusterPrepared {
  Experiment experiment;
  const fault::Fault* fault = nullptr;
  target::ClusterRules rules;
  target::AttackFacts facts;
  target::ClusterChoice choice;
  std::vector<Victim> victims;         // chosen
  std::vector<ClusterTarget> targets;  // of each victim
  std::vector<cluster::Workload> workloads;
  int64_t matched = 0;         // pods that match and run: of them the floor is a share
  std::vector<PodPage> pages;  // among sources.scrape
  std::vector<std::string> warnings;
  Nanos sample_every{0};

  bool one_way() const { return facts.one_way; }
};
// kRefused names the rule; kInvalidInput the field; kNotInjected: nothing matches.
Result<ClusterPrepared> prepare_cluster(ClusterExperiment experiment, const ClusterInputs& inputs);
// What the sources say of themselves, once they have answered: how often they take samples, and a warning.
Result<> take_source_check(ClusterPrepared& prepared, Nanos fastest, Nanos slowest, const std::string& warning);
// For the record: who is hit, where, and who was left out by which rule.
json::Value plan_json(const ClusterPrepared& prepared);
// One more victim, as the engine and the agents know it.
ClusterTarget target_of(const target::ClusterPick& pick);
// What the gates must know of it, with these arguments.
target::AttackFacts facts_of(const fault::Fault& fault, const Attack& attack);

// Takes out of `pages` those whose pod is gone, or has its address no more.
std::vector<PodPage> take_gone(std::vector<PodPage>& pages, const Kept<cluster::Pod>& pods);

// Judges by this policy from now on. Errors: it cannot be read, which leaves the one before.
Result<> take_policy(ClusterPrepared& prepared, const std::string& text, const std::string& origin);
// The rule of the floor that is broken now; "" is none, or no floor.
std::string broken_floor(const ClusterPrepared& prepared, const cluster::View& view);
bool has_floor(const ClusterPrepared& prepared);

}  // namespace ordeal::session
