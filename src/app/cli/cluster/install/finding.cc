#include "app/cli/cluster/install/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cli/cluster/objects.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

constexpr int kLeastMinor = 30;  // ValidatingAdmissionPolicy is in every server from 1.30 on

constexpr const char* kInstall = "helm install ordeal charts/ordeal --namespace ordeal --create-namespace --wait";
constexpr const char* kUpgrade = "helm upgrade --install ordeal charts/ordeal --namespace ordeal --wait";

// "34+" of some providers.
int leading_number(const std::string& text) {
  size_t digits = text.find_first_not_of("0123456789");
  return parse_number<int>(std::string_view(text).substr(0, digits)).value_or(0);
}

std::string right_in_words(const Right& right) {
  std::string resource = right.group.empty() ? right.resource : right.resource + "." + right.group;
  return fmt::format("{} {}{}", right.verb, resource, right.namespace_.empty() ? "" : " in " + right.namespace_);
}

std::string what_can_be_seen(const json::Value& deployment) {
  int64_t ready = number_at(deployment, "status.readyReplicas"), wanted = number_at(deployment, "spec.replicas");
  return fmt::format("{}/{}: {} of {} replicas ready", text_at(deployment, "metadata.namespace"),
                     text_at(deployment, "metadata.name"), ready, wanted);
}

// The command that gives somebody the role.
std::string binding_of(const std::string& whom, const Role& role) {
  std::string account = "system:serviceaccount:";
  std::string flag = "--user=" + whom;
  if (whom.starts_with(account)) flag = "--serviceaccount=" + whom.substr(account.size());
  std::string kind = role.namespace_.empty() ? "clusterrolebinding" : "rolebinding -n " + role.namespace_;
  return fmt::format("kubectl create {} {}-for-NAME --clusterrole={} {}", kind, role.name, role.name, flag);
}

}  // namespace

ClusterFinding server_finding(const json::Value& version) {
  std::string text = text_at(version, "gitVersion");
  int major = leading_number(text_at(version, "major")), minor = leading_number(text_at(version, "minor"));
  if (major > 1 || minor >= kLeastMinor) return {"server", text};
  return {"server",
          text + "; no ValidatingAdmissionPolicy before 1.30, so only RBAC keeps others from making injections",
          "upgrade the cluster to 1.30 or newer", true};
}

ClusterFinding definitions_finding(const std::vector<std::string>& served) {
  constexpr std::array kWanted{"experiments", "injections", "halts"};
  std::vector<std::string> missing;
  for (const char* name : kWanted)
    if (std::find(served.begin(), served.end(), name) == served.end())
      missing.push_back(std::string(name) + ".ordeal.dev");
  if (missing.empty()) return {"definitions", "experiments, injections and halts of ordeal.dev/v1alpha1"};
  return {"definitions", "missing: " + join(missing, ", "), "kubectl apply -f charts/ordeal/crds", true};
}

ClusterFinding admission_finding(const std::vector<std::string>& policies, const std::vector<std::string>& bound) {
  std::vector<std::string> loose;
  for (const std::string& policy : policies)
    if (std::find(bound.begin(), bound.end(), policy) == bound.end()) loose.push_back(policy);
  if (policies.empty())
    return {"admission", "no admission policy: only RBAC keeps others from making injections", kUpgrade, true};
  if (!loose.empty()) return {"admission", "not bound, so without effect: " + join(loose, ", "), kUpgrade, true};
  return {"admission", join(policies, ", ")};
}

ClusterFinding controller_finding(const json::Value& deployment, const std::string& holder) {
  if (deployment.is_null()) return {"controller", "Ordeal is not installed here", kInstall, true};
  std::string text = what_can_be_seen(deployment), space = text_at(deployment, "metadata.namespace");
  std::string name = text_at(deployment, "metadata.name");
  if (number_at(deployment, "status.readyReplicas") == 0)
    return {"controller", text, fmt::format("kubectl -n {} describe deployment {}", space, name), true};
  if (holder.empty())
    return {"controller", text + "; none of them leads", fmt::format("kubectl -n {} logs deployment/{}", space, name),
            true};
  return {"controller", text + "; leader: " + holder};
}

ClusterFinding rights_finding(const std::string& topic, const std::string& whom, const std::vector<Right>& rights,
                              const Role& role) {
  std::vector<std::string> missing;
  for (const Right& right : rights)
    if (!right.allowed) missing.push_back(right_in_words(right));
  if (missing.empty()) return {topic, "yes, as " + whom};
  std::string advice = "an administrator: " + binding_of(whom, role);
  return {topic, fmt::format("{} may not {}", whom, join(missing, ", ")), advice, true};
}

json::Value to_json(const ClusterFinding& finding) {
  return json::Object{
      {"topic", finding.topic}, {"text", finding.text}, {"advice", finding.advice}, {"missing", finding.missing}};
}

}  // namespace ordeal::cli
