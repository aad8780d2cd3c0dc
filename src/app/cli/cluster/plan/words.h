// The words of a plan in a cluster. Pure.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/policy.h"

namespace ordeal::cli {

// Candidates that the same rule left out.
struct LeftOut {
  std::string rule;
  std::vector<std::string> victims;
};
// In the order in which each rule came first.
std::vector<LeftOut> group_by_rule(const std::vector<Refusal>& refused);
// "shop/a, shop/b, shop/c and 97 more"
std::string named_briefly(const std::vector<std::string>& names);

// What one node's agent would do.
struct NodeWork {
  std::string node;
  std::vector<cluster::ClusterVictim> victims;
};
// "pod shop/api-1", "container app of shop/api-1", "node node-1".
std::string victim_in_words(const cluster::ClusterVictim& victim);
// "node-1: the agent is ready", "node-1: NO agent is ready", "node-1" where that is not known.
std::string agent_in_words(const std::string& node, const std::optional<std::set<std::string>>& agents);
// Of the work the nodes that have no agent that is ready; none where that is not known.
std::vector<std::string> without_agent(const std::vector<NodeWork>& work,
                                       const std::optional<std::set<std::string>>& agents);

}  // namespace ordeal::cli
