// The gates in front of a run in a cluster, beyond who may be hit at all: how much of a namespace and of the cluster,
// which environment, how much of the network, how many pods must go on running, whose namespace. Every policy must
// allow. Pure: a controller asks before the start, an agent asks again of what it can see.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/attack.h"
#include "fault/target/cluster/pods.h"

namespace ordeal::target {

// What the gates must know of an attack.
struct AttackFacts {
  bool hits_network = false;
  bool one_way = false;  // what it hits goes: it no longer runs
  // It has a peer or a port. What only leaves some out ("^53") narrows nothing, nor do all ports, nor a network wider
  // than 10.0.0.0/8 or fc00::/7.
  bool narrowed = false;
};
// `kind` is how these very arguments are undone.
AttackFacts facts_of(const AttackInfo& info, StepKind kind, const Attack& resolved);

// What the other active runs of the cluster hit.
struct ClusterLoad {
  int64_t runs = 0;
  int64_t targets = 0;                    // victims, of whatever kind
  std::map<std::string, int64_t> pods{};  // by namespace
  std::set<std::string> uids{};           // of these pods, as far as they are known, and of nodes
  std::set<std::string> nodes{};          // victims themselves
};
// One more whom a run hits: its pod counts once, however many hit it.
void add_victim(ClusterLoad& load, const cluster::ClusterVictim& victim, const std::string& node);
// Once all victims are in it, for each pod of the cluster: with a node all are hit that run on it.
void add_pod_of_node(ClusterLoad& load, const cluster::Pod& pod);

struct GateRefusal {
  std::string rule;      // "policy.yaml: caps.max_namespace_percent"
  std::string sentence;  // the whole of it, with the deciding numbers
};

struct Gates {
  std::vector<GateRefusal> refusals;  // any of them: the run is refused (exit 3)
  std::vector<std::string> warnings;  // disruption budgets that a kill does not ask
};

// A target outside the experiment's namespace, nodes included, where a policy does not allow that. It needs no view:
// who asks this first tells nobody the names of a namespace that is not his.
std::optional<GateRefusal> beyond_home(const Target& target, const ClusterRules& rules);

// All others. `choice` as choose_in_cluster() made it of the same view. Errors: the target's workload has gone since.
Result<Gates> judge_gates(const Experiment& experiment, const AttackFacts& facts, const ClusterRules& rules,
                          const cluster::View& view, const ClusterChoice& choice, const ClusterLoad& others);

// The floor of running pods, while the attack is in force: `matched` are those that matched and ran at the start,
// `running` those that match and run now (running_that_match()).
std::optional<GateRefusal> below_floor(const std::vector<Policy>& policies, int64_t matched, int64_t running);

}  // namespace ordeal::target
