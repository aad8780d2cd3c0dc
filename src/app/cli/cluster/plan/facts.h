// ClusterFacts: what a plan has to know of a cluster, read with the rights of the person who asks. What he may not read
// is said and left to the controller.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/cli/cluster/connection.h"
#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/target/cluster/gates.h"

namespace ordeal::cli {

struct ClusterFacts {
  cluster::View view;
  std::string policy, policy_origin;    // the text; "ConfigMap ordeal/ordeal-config"
  std::optional<Error> policy_refusal;  // why nothing would be admitted, or nothing is known: there is none to judge by
  bool policy_unread = false;           // there may be one, and it cannot be read
  std::optional<cluster::Halt> halt;
  target::ClusterLoad load;                     // of the runs that are active now
  bool installed = false;                       // a controller was found
  bool missing = false;                         // there is none
  bool only_watches = false;                    // installed for one namespace: it injects nothing
  std::string own_namespace;                    // Ordeal's; "" is not known
  bool may_roll_back = false;                   // the installation may
  std::optional<std::set<std::string>> agents;  // nodes with one that is ready; nothing where that is not known
  std::vector<std::string> unread;              // "budgets: poddisruptionbudgets.policy is forbidden: …"
};

// `space`: the namespace that the Experiment would be created in. Fails where pods cannot be read at all, or where the
// definitions are not installed.
Result<ClusterFacts> read_facts(const Connection& to, const ClusterOptions& where, const Experiment& experiment,
                                const std::string& space);

}  // namespace ordeal::cli
