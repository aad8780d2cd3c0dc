// ClusterStores: what the controller knows of the cluster, as its watches tell: pods trimmed to what a selection looks
// at, nodes, budgets, the Halt and the policy. It knows enough to judge once complete() says so.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "run/session/cluster/cluster_world.h"
#include "run/session/cluster/kept.h"

namespace ordeal::controller {

class ClusterStores {
 public:
  // Agents are the pods of `own_namespace` with these labels; none: it is not asked whether a node has one.
  ClusterStores(std::string own_namespace, Labels agent_labels)
      : namespace_(std::move(own_namespace)), agent_labels_(std::move(agent_labels)) {}

  void put_pod(cluster::Pod pod);
  void remove_pod(const std::string& uid);
  void pods_synced();
  session::Kept<cluster::Pod> pods;  // by uid; changed by the functions above only
  session::Kept<cluster::Node> nodes;
  session::Kept<cluster::DisruptionBudget> budgets;

  // Null: there is none. Before the first word it counts as engaged.
  void put_halt(const json::Value* object);
  const std::optional<cluster::Halt>& halt() const { return halt_; }
  bool halt_known() const { return halt_known_; }
  // Why nothing may start or go on; "" while it is released.
  std::string halted() const;

  void put_policy(std::optional<std::string> text) {
    policy_ = std::move(text);
    policy_known_ = true;
  }
  const std::optional<std::string>& policy() const { return policy_; }

  bool complete() const { return pods.complete() && nodes.complete() && halt_known_ && policy_known_; }
  bool agent_ready(const std::string& node) const;
  session::ClusterNow now() const;
  // As it is now, with the workloads of whoever asks; good until it is asked for again.
  const cluster::View& view(const std::vector<cluster::Workload>& workloads) const;
  // Whether what agents write is heard now; set by whoever watches.
  std::function<bool()> hearing;

 private:
  bool is_agent(const cluster::Pod& pod) const;

  std::string namespace_;
  Labels agent_labels_;
  std::map<std::string, std::string> agents_;  // uid to node, of those that are Ready
  std::map<std::string, int> served_;          // agents, by node
  std::optional<cluster::Halt> halt_;
  bool halt_known_ = false, policy_known_ = false;
  std::optional<std::string> policy_;
  mutable cluster::View view_;
  mutable std::optional<uint64_t> viewed_;  // the changes that it shows
};

}  // namespace ordeal::controller
