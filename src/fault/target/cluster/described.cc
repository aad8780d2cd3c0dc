#include "fault/target/cluster/described.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/base/text/text.h"

namespace ordeal::target {
namespace {

using cluster::Pod;
using cluster::Workload;

using Membership = std::function<bool(const Pod&)>;

// A Deployment's or Rollout's ReplicaSets are called NAME-HASH, HASH being the pod's own label.
Membership through_replica_sets(const Workload& workload) {
  const char* label = workload.kind == "Rollout" ? "rollouts-pod-template-hash" : "pod-template-hash";
  return [name = workload.name, label](const Pod& pod) {
    auto hash = pod.labels.find(label);
    return hash != pod.labels.end() && pod.controller && pod.controller->kind == "ReplicaSet" &&
           pod.controller->name == name + "-" + hash->second;
  };
}

Membership by_reference(const Workload& workload) {
  return [kind = workload.kind, uid = workload.uid](const Pod& pod) {
    return pod.controller && pod.controller->kind == kind && pod.controller->uid == uid;
  };
}

Result<Membership> by_service(const Workload& workload) {
  json::Document document{workload.selector, {}};
  LabelSelector selector;
  if (document.value.is_object()) selector = TRY(decode_label_selector(json::Reader(document)));
  if (selector.all.empty())
    return fail(Errc::kNotInjected,
                fmt::format("the Service {} has no selector, so no pods are its own", workload.name),
                "name the pods by their labels");
  return [selector](const Pod& pod) { return selector.matches(pod.labels); };
}

Result<Membership> membership(const Target& target, const std::string& space, const cluster::View& view) {
  if (!target.workload) return [](const Pod&) { return true; };
  const auto& [kind, name] = *target.workload;
  for (const Workload& workload : view.workloads) {
    if (workload.kind != kind || workload.name != name || workload.namespace_ != space) continue;
    if (kind == "Deployment" || kind == "Rollout") return through_replica_sets(workload);
    return kind == "Service" ? by_service(workload) : by_reference(workload);
  }
  return fail(Errc::kNotInjected, fmt::format("there is no {} {} in the namespace {}", kind, name, space),
              fmt::format("`kubectl get {} -n {}` lists those that are there", kind, space));
}

bool is_named(const Target& target, const std::string& name) {
  bool by_name = target.type == TargetType::kKubernetes && !target.names.empty();
  return !by_name || std::find(target.names.begin(), target.names.end(), name) != target.names.end();
}

}  // namespace

const std::string& namespace_of(const Target& target, const std::string& home) {
  return target.namespace_.empty() ? home : target.namespace_;
}

bool carries_labels(const Target& target, const Labels& own) {
  for (const auto& [key, value] : target.labels)
    if (auto found = own.find(key); found == own.end() || found->second != value) return false;
  return !target.selector || target.selector->matches(own);
}

Result<std::vector<const Pod*>> described_pods(const Target& target, const std::string& home,
                                               const cluster::View& view) {
  const std::string& space = namespace_of(target, home);
  Membership belongs = TRY(membership(target, space, view));
  std::vector<const Pod*> pods;
  for (const Pod& pod : view.pods)
    if (pod.namespace_ == space && is_named(target, pod.name) && carries_labels(target, pod.labels) && belongs(pod))
      pods.push_back(&pod);
  return pods;
}

Result<int64_t> running_that_match(const Target& target, const std::string& home, const cluster::View& view) {
  std::vector<const Pod*> pods = TRY(described_pods(target, home, view));
  return std::count_if(pods.begin(), pods.end(), [](const Pod* pod) { return pod->runs(); });
}

std::string in_words(const Target& target, const std::string& home) {
  bool of_nodes = target.type == TargetType::kNode || target.type == TargetType::kHost;
  std::vector<std::string> parts;
  if (!target.names.empty()) parts.push_back("named " + join(target.names, ", "));
  if (!of_nodes) parts.push_back("in the namespace " + namespace_of(target, home));
  for (const auto& [key, value] : target.labels) parts.push_back(fmt::format("with {}={}", key, value));
  if (target.selector) parts.push_back(fmt::format("with {}", target.selector->text()));
  if (target.workload) parts.push_back(fmt::format("of the {} {}", target.workload->kind, target.workload->name));
  if (!target.containers.empty()) parts.push_back("with a container " + join(target.containers, ", "));
  return join(parts, " ");
}

}  // namespace ordeal::target
