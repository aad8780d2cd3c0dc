// Finding: one thing that `ordeal install` looked at, in words. Pure: what the API said goes in.
#pragma once

#include <string>
#include <vector>

#include "core/json/value.h"

namespace ordeal::cli {

struct ClusterFinding {
  std::string topic;
  std::string text;
  std::string advice = {};  // the exact next command, or what to ask for; "" is nothing
  bool missing = false;     // something that a run needs is not there
};

// Of /version. Older than what the admission policy needs is said.
ClusterFinding server_finding(const json::Value& version);
// `served`: the resources of ordeal.dev/v1alpha1 that the server knows; none where it does not know the group.
ClusterFinding definitions_finding(const std::vector<std::string>& served);
// Of the ValidatingAdmissionPolicies of the release and their bindings.
ClusterFinding admission_finding(const std::vector<std::string>& policies, const std::vector<std::string>& bound);
// `holder` of the leader's Lease, "" is nobody.
ClusterFinding controller_finding(const json::Value& deployment, const std::string& holder);

struct Right {
  std::string verb, group, resource, namespace_;  // "" is all namespaces, or none
  bool allowed = false;
};
// "may not create experiments.ordeal.dev in shop".
// `role`: the chart's role that has them all, and how far it is to be bound.
struct Role {
  std::string name;
  std::string namespace_;  // "" is the whole cluster
};
ClusterFinding rights_finding(const std::string& topic, const std::string& whom, const std::vector<Right>& rights,
                              const Role& role);

// Why a node has no agent that is ready; "" where it has one. `pods` are the agents' of all nodes.
struct Agents {
  const json::Value& daemon_set;  // null where there is none
  const json::Array& pods;
  const json::Value& space;  // the namespace's object; null where it could not be read
};
std::string why_no_agent(const json::Value& node, const Agents& agents);
std::vector<ClusterFinding> agent_findings(const json::Array& nodes, const Agents& agents);

json::Value to_json(const ClusterFinding& finding);

}  // namespace ordeal::cli
