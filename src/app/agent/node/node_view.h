// NodeView: what an agent judges by, read from the API server at one moment: the policy, the pods of its node, and the
// node itself where it is a victim. Then, with the processes of this machine, the victims of an Injection.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/policy.h"
#include "fault/packets/exemption.h"
#include "fault/target/snapshot.h"
#include "platform/kube/client.h"

namespace ordeal::agent {

// Where the policy is, and who we are.
struct NodeIdentity {
  std::string node;
  std::string namespace_;   // of Ordeal itself: what is in it is never hit
  kube::ObjectName policy;  // of the ConfigMap
};

// The file in a policy's ConfigMap: the key config.yaml, or the only one. kRefused says what is wrong with it.
Result<std::string> policy_text(const json::Value& config_map, const kube::ObjectName& name);
// kRefused: which policy applies is not known, and nothing is allowed.
Result<Policy> decode_cluster_policy(const std::string& text, const kube::ObjectName& name);

struct NodeView {
  std::string policy_text;
  Policy policy;
  std::vector<cluster::Pod> pods;
  std::string node_uid;  // of the Node, where that was read
  Labels node_labels;
};

// Reads them all, each consistently; `done` comes once, from inside the client's dispatch(). Destroying it cancels.
class NodeReader {
 public:
  NodeReader(kube::Client& client, const NodeIdentity& identity, bool with_node,
             std::function<void(Result<NodeView>)> done);
  ~NodeReader();
  NodeReader(const NodeReader&) = delete;
  NodeReader& operator=(const NodeReader&) = delete;

 private:
  void take_policy(kube::Answer<json::Value> answer);
  void take_node(kube::Answer<json::Value> answer);
  void take_pods(json::Array&& items);
  void list_pods();
  void give_up(Error error);
  void got_one();

  kube::Client& client_;
  NodeIdentity identity_;
  std::function<void(Result<NodeView>)> done_;
  std::vector<kube::Ticket> tickets_;
  NodeView view_;
  int waiting_for_ = 0;
};

struct FoundVictims {
  std::vector<Result<Victim>> victims;         // of each planned impact
  std::string inventory;                       // for the guard
  std::vector<packets::Exemption> exemptions;  // where a node's network is hit
};
// Judged by the policy and by what is always protected: kubelet, container runtimes, Ordeal's own namespace. A node is
// hit with every pod on it, and only where the policy lets an Experiment leave its namespace.
Result<FoundVictims> find_victims(const cluster::Injection& injection, const NodeView& view,
                                  const target::Snapshot& snapshot, const NodeIdentity& identity);

}  // namespace ordeal::agent
