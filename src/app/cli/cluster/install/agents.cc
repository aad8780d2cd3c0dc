// Which nodes have an agent, and why the others have none.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/cli/cluster/install/finding.h"
#include "app/cli/cluster/objects.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

constexpr size_t kMostNamed = 5;

// A pod of a DaemonSet that no node has taken yet says in its affinity which one it is for.
std::string node_of(const json::Value& pod) {
  if (std::string bound = text_at(pod, "spec.nodeName"); !bound.empty()) return bound;
  constexpr const char* kTerms =
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  for (const json::Value& term : list_at(pod, kTerms))
    for (const json::Value& field : list_at(term, "matchFields"))
      if (text_at(field, "key") == "metadata.name")
        for (const json::Value& name : list_at(field, "values"))
          if (name.is_string()) return std::string(name.get_string());
  return "";
}

// "ImagePullBackOff: no such image".
std::string why_not_ready(const json::Value& pod) {
  for (const json::Value& condition : list_at(pod, "status.conditions"))
    if (text_at(condition, "type") == "PodScheduled" && text_at(condition, "status") == "False")
      return "its pod cannot be scheduled: " + text_at(condition, "message");
  for (const json::Value& container : list_at(pod, "status.containerStatuses")) {
    for (const char* state : {"state.waiting", "state.terminated", "lastState.terminated"}) {
      std::string reason = text_at(container, std::string(state) + ".reason");
      std::string message = text_at(container, std::string(state) + ".message");
      if (!reason.empty())
        return fmt::format("its pod is not ready: {}{}", reason, message.empty() ? "" : ": " + message);
    }
  }
  return "its pod is not ready: " + text_at(pod, "status.phase");
}

bool tolerates(const json::Value& toleration, const json::Value& taint) {
  std::string effect = text_at(toleration, "effect"), key = text_at(toleration, "key");
  if (!effect.empty() && effect != text_at(taint, "effect")) return false;
  bool exists = text_at(toleration, "operator") == "Exists";
  if (key.empty()) return exists;
  return key == text_at(taint, "key") && (exists || text_at(toleration, "value") == text_at(taint, "value"));
}

// Those that Kubernetes lets every DaemonSet tolerate begin so.
bool is_of_kubernetes(const json::Value& taint) { return text_at(taint, "key").starts_with("node.kubernetes.io/"); }

std::string repelling_taint(const json::Value& node, const json::Value& daemon_set) {
  const json::Array& tolerations = list_at(daemon_set, "spec.template.spec.tolerations");
  for (const json::Value& taint : list_at(node, "spec.taints")) {
    if (text_at(taint, "effect") == "PreferNoSchedule" || is_of_kubernetes(taint)) continue;
    bool fine = std::any_of(tolerations.begin(), tolerations.end(),
                            [&](const json::Value& toleration) { return tolerates(toleration, taint); });
    if (fine) continue;
    std::string value = text_at(taint, "value");
    return fmt::format("{}{}:{}", text_at(taint, "key"), value.empty() ? "" : "=" + value, text_at(taint, "effect"));
  }
  return "";
}

bool is_selected(const json::Value& node, const json::Value& daemon_set) {
  const json::Value* wanted = field_at(daemon_set, "spec.template.spec.nodeSelector");
  const json::Value* labels = field_at(node, "metadata.labels");
  if (!wanted || !wanted->is_object()) return true;
  for (const auto& [key, value] : wanted->get_object()) {
    const json::Value* found = labels && labels->is_object() ? labels->get_object().if_contains(key) : nullptr;
    if (!found || *found != value) return false;
  }
  return true;
}

std::string enforced_security(const json::Value& space) {
  const json::Value* labels = field_at(space, "metadata.labels");
  const json::Value* level =
      labels && labels->is_object() ? labels->get_object().if_contains("pod-security.kubernetes.io/enforce") : nullptr;
  if (!level || !level->is_string() || level->get_string() == "privileged") return "";
  return std::string(level->get_string());
}

std::string why_no_pod(const json::Value& node, const Agents& agents) {
  if (std::string taint = repelling_taint(node, agents.daemon_set); !taint.empty())
    return fmt::format("its taint {} is not tolerated", taint);
  if (!is_selected(node, agents.daemon_set)) return "the DaemonSet's nodeSelector leaves it out";
  if (std::string level = enforced_security(agents.space); !level.empty())
    return fmt::format("the namespace enforces PodSecurity {}, and agents need privileged", level);
  return has_condition(node, "Ready") ? "the DaemonSet has made no pod for it yet" : "the node is not ready";
}

std::string advice_for(const std::string& why, const json::Value& daemon_set) {
  std::string space = text_at(daemon_set, "metadata.namespace"), name = text_at(daemon_set, "metadata.name");
  if (why.find(" taint ") != std::string::npos)
    return "add the taint to the chart's agent.tolerations, or leave these nodes out of experiments";
  if (why.find("PodSecurity") != std::string::npos)
    return fmt::format("kubectl label namespace {} pod-security.kubernetes.io/enforce=privileged --overwrite", space);
  if (why.find("node is not ready") != std::string::npos) return "kubectl get nodes";
  return fmt::format("kubectl -n {} describe daemonset {}", space, name);
}

std::string named(const std::vector<std::string>& nodes) {
  std::vector<std::string> first(nodes.begin(), nodes.begin() + std::min(nodes.size(), kMostNamed));
  std::string more = nodes.size() > kMostNamed ? fmt::format(" and {} more", nodes.size() - kMostNamed) : "";
  return join(first, ", ") + more;
}

}  // namespace

std::string why_no_agent(const json::Value& node, const Agents& agents) {
  std::string name = text_at(node, "metadata.name");
  std::string why;
  for (const json::Value& pod : agents.pods) {
    if (node_of(pod) != name) continue;
    if (has_condition(pod, "Ready")) return "";
    why = why_not_ready(pod);
  }
  if (!why.empty() && !has_condition(node, "Ready")) return "the node is not ready";
  return why.empty() ? why_no_pod(node, agents) : why;
}

std::vector<ClusterFinding> agent_findings(const json::Array& nodes, const Agents& agents) {
  if (agents.daemon_set.is_null())
    return {{"agents", "there is no DaemonSet of agents: nothing can be injected",
             "helm upgrade --install ordeal charts/ordeal --namespace ordeal --wait", true}};
  std::map<std::string, std::vector<std::string>> missing;  // by the reason
  size_t ready = nodes.size();
  for (const json::Value& node : nodes) {
    std::string why = why_no_agent(node, agents);
    if (why.empty()) continue;
    missing[why].push_back(text_at(node, "metadata.name"));
    --ready;
  }
  std::vector<ClusterFinding> findings;
  std::string text = fmt::format("ready on {} of {}", ready, counted(nodes.size(), "node", "nodes"));
  findings.push_back({"agents", text, "", ready == 0});
  for (const auto& [why, names] : missing)
    findings.push_back(
        {"", fmt::format("none on {}: {}", named(names), why), advice_for(why, agents.daemon_set), true});
  return findings;
}

}  // namespace ordeal::cli
