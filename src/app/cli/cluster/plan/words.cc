#include "app/cli/cluster/plan/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::cli {

std::vector<LeftOut> group_by_rule(const std::vector<Refusal>& refused) {
  std::vector<LeftOut> groups;
  for (const Refusal& one : refused) {
    auto same =
        std::find_if(groups.begin(), groups.end(), [&](const LeftOut& group) { return group.rule == one.rule; });
    if (same == groups.end()) same = groups.insert(groups.end(), {one.rule, {}});
    same->victims.push_back(one.victim);
  }
  return groups;
}

std::string named_briefly(const std::vector<std::string>& names) {
  constexpr size_t kMostNamed = 5;
  if (names.size() <= kMostNamed + 1) return join(names, ", ");
  std::vector<std::string> first(names.begin(), names.begin() + kMostNamed);
  return fmt::format("{} and {} more", join(first, ", "), names.size() - kMostNamed);
}

std::string victim_in_words(const cluster::ClusterVictim& victim) {
  if (victim.kind == "node") return "the node itself";
  std::string pod = victim.namespace_ + "/" + victim.pod;
  return victim.container.empty() ? "pod " + pod : fmt::format("container {} of pod {}", victim.container, pod);
}

std::string agent_in_words(const std::string& node, const std::optional<std::set<std::string>>& agents) {
  if (!agents) return node;
  return node + (agents->count(node) > 0 ? ": its agent is ready" : ": NO agent is ready");
}

std::vector<std::string> without_agent(const std::vector<NodeWork>& work,
                                       const std::optional<std::set<std::string>>& agents) {
  std::vector<std::string> nodes;
  for (const NodeWork& one : work)
    if (agents && agents->count(one.node) == 0) nodes.push_back(one.node);
  return nodes;
}

}  // namespace ordeal::cli
