#include "app/controller/seeing/cluster_stores.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::controller {

bool ClusterStores::is_agent(const cluster::Pod& pod) const {
  if (agent_labels_.empty() || pod.namespace_ != namespace_ || !pod.runs() || !pod.ready) return false;
  return std::all_of(agent_labels_.begin(), agent_labels_.end(), [&](const auto& label) {
    auto found = pod.labels.find(label.first);
    return found != pod.labels.end() && found->second == label.second;
  });
}

void ClusterStores::put_pod(cluster::Pod pod) {
  if (auto old = agents_.find(pod.uid); old != agents_.end()) {
    --served_[old->second];
    agents_.erase(old);
  }
  if (is_agent(pod)) ++served_[agents_[pod.uid] = pod.node];
  std::string uid = pod.uid;
  pods.put(uid, std::move(pod));
}

void ClusterStores::remove_pod(const std::string& uid) {
  if (auto old = agents_.find(uid); old != agents_.end()) {
    --served_[old->second];
    agents_.erase(old);
  }
  pods.remove(uid);
}

void ClusterStores::pods_synced() {
  for (const cluster::Pod& pod : pods.synced()) remove_pod(pod.uid);
}

void ClusterStores::put_halt(const json::Value* object) {
  halt_ = cluster::halt_from_json(object);
  halt_known_ = true;
}

std::string ClusterStores::halted() const {
  if (!halt_known_) return "it is not known whether the cluster is halted";
  if (!halt_ || !halt_->engaged) return "";
  std::string by = halt_->by.empty() ? "" : fmt::format(" by {}", halt_->by);
  return fmt::format("Halt/global is engaged{}: {}", by, halt_->reason.empty() ? "no reason given" : halt_->reason);
}

bool ClusterStores::agent_ready(const std::string& node) const {
  auto found = served_.find(node);
  return found != served_.end() && found->second > 0;
}

session::ClusterNow ClusterStores::now() const {
  session::ClusterNow now{pods, nodes};
  if (!agent_labels_.empty()) now.agent_ready = [this](const std::string& node) { return agent_ready(node); };
  now.hearing = hearing;
  return now;
}

const cluster::View& ClusterStores::view(const std::vector<cluster::Workload>& workloads) const {
  uint64_t changes = pods.changes() + nodes.changes() + budgets.changes();
  if (viewed_ != changes) view_ = {pods.values(), nodes.values(), {}, budgets.values()};
  viewed_ = changes;
  view_.workloads = workloads;
  return view_;
}

}  // namespace ordeal::controller
