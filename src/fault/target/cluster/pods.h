// ClusterChoice: from a Target to the exact pods, containers or nodes of a cluster. As on a host
// (fault/target/select.h): first everything that the target describes, then the rules, then how many. A percentage is
// of those that the rules allow, rounded down; the same seed chooses the same ones whatever the order of the lists;
// nothing is ever replaced by something else: what is missing, forbidden by name or rounds to nothing is an error. Type
// `kubernetes` means pods (with `container`, those containers of them; for an attack that is of a container their
// default ones), `container` the containers of the pods that the rest describes, `node` and `host` nodes. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"

namespace ordeal::target {

// Who may not be hit, whatever the target says.
struct ClusterRules {
  std::vector<Policy> policies;  // every one must allow; none at all: nothing is allowed
  std::string home;              // the experiment's namespace, which a target without one means
  std::string own_namespace;     // Ordeal's own, never hit; "" when it is not known
  bool hits_network = false;     // the attack (AttackInfo)
  bool of_container = false;     // the same
};

struct ClusterPick {
  cluster::ClusterVictim victim;
  Victim model_victim;  // name: the pod's, "POD/CONTAINER", or the node's
  std::string node;
};

struct ClusterChoice {
  std::vector<ClusterPick> chosen;   // by name
  int64_t candidates = 0;            // that run and are described, those that a rule leaves out included: for caps
  std::vector<std::string> uids;     // of each candidate's pod or node
  std::vector<std::string> allowed;  // key_of() each one that the rules allow, drawn or not
  std::vector<Refusal> left_out;     // everyone else who is described, with the rule that left it out
  std::vector<std::string> notes;
};

// kInvalidInput: the target says what only a host has. kRefused: there is no policy, the rules leave nothing or forbid
// one that is named, the target selects nothing in particular, the percentage rounds down to nothing. kNotInjected:
// nothing matches, what is named is not there, or fewer than asked.
Result<ClusterChoice> choose_in_cluster(const Target& target, const cluster::View& view, const ClusterRules& rules,
                                        uint64_t seed);

// Every described one, before it is drawn how many.
struct ClusterJudged {
  std::vector<ClusterPick> allowed;  // by name
  int64_t candidates = 0;
  std::vector<std::string> uids;  // of each candidate's pod or node
  std::vector<Refusal> left_out;
  std::vector<std::string> notes;
  bool by_safety = false;  // a safety rule, not chance, left out at least one
};
Result<ClusterJudged> judge_in_cluster(const Target& target, const cluster::View& view, const ClusterRules& rules);

// The safety rule that forbids to hit this pod; an agent asks it again of what it reads itself. The pods of Ordeal and
// the control plane's static pods are protected whatever the policies say.
std::optional<std::string> forbidden(const cluster::Pod& pod, const ClusterRules& rules);

// Tells incarnations apart: the uid of the pod or node, and of a container "UID/ID".
std::string key_of(const ClusterPick& pick);

}  // namespace ordeal::target
