// install: what a cluster allows, and what it lacks for a run, as `doctor` says it of a host. It changes nothing.
#include <fmt/format.h>

#include <map>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/cluster/install/finding.h"
#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/release.h"
#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/model/cluster/names.h"
#include "core/model/cluster/resources.h"
#include "core/model/input/policy.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

constexpr kube::Resource kAdmissionPolicies{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", false};
constexpr kube::Resource kAdmissionBindings{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings",
                                            false};
constexpr kube::Resource kSelfReviews{"authentication.k8s.io", "v1", "selfsubjectreviews", false};

ClusterFinding unknown(const std::string& topic, const kube::ApiFailure& failure) {
  bool forbidden = failure.kind == Kind::kForbidden;
  return {topic, "not known: " + failure.message,
          forbidden ? "ask an administrator of the cluster to run `ordeal install`" : "", true};
}

std::vector<std::string> names_of(const json::Array& objects, std::string_view pointer) {
  std::vector<std::string> names;
  for (const json::Value& object : objects) names.push_back(text_at(object, pointer));
  return names;
}

ClusterFinding look_at_definitions(const Connection& to) {
  auto answer = kube::ask(*to.client, {.path = "/apis/ordeal.dev/v1alpha1"});
  if (!answer && answer.error().kind != Kind::kNotFound) return unknown("definitions", answer.error());
  return definitions_finding(answer ? names_of(list_at(*answer, "resources"), "name") : std::vector<std::string>{});
}

ClusterFinding look_at_admission(const Connection& to) {
  auto policies = fetch_all(to, kAdmissionPolicies, {}, kReleaseLabel);
  if (!policies && policies.error().no_such_resource) return admission_finding({}, {});
  if (!policies) return unknown("admission", policies.error());
  auto bindings = fetch_all(to, kAdmissionBindings);
  if (!bindings) return unknown("admission", bindings.error());
  return admission_finding(names_of(*policies, "metadata.name"), names_of(*bindings, "spec.policyName"));
}

ClusterFinding look_at_controller(const Connection& to, const std::optional<Release>& release) {
  if (!release) return controller_finding(nullptr, "");
  auto lease = kube::ask(*to.client, kube::get(kube::kLeases, {release->namespace_, cluster::kLeaderLease}));
  if (!lease && lease.error().kind != Kind::kNotFound) return unknown("controller", lease.error());
  return controller_finding(release->controller, lease ? text_at(*lease, "spec.holderIdentity") : "");
}

std::vector<ClusterFinding> look_at_agents(const Connection& to, const Release& release) {
  std::string labels = labels_of_part("agent");
  auto nodes = fetch_all(to, kube::kNodes);
  auto pods = fetch_all(to, kube::kPods, {release.namespace_, ""}, labels);
  auto sets = fetch_all(to, kube::kDaemonSets, {release.namespace_, ""}, labels);
  for (const auto* answer : {&nodes, &pods, &sets})
    if (!*answer) return {unknown("agents", answer->error())};
  if (!release.whole_cluster && sets->empty())
    return {{"agents", "none: Ordeal is installed for this namespace alone, so it only plans and watches"}};
  auto space = kube::ask(*to.client, kube::get(kube::kNamespaces, {"", release.namespace_}));
  const json::Value none;
  return agent_findings(*nodes, {sets->empty() ? none : sets->front(), *pods, space ? *space : none});
}

// What its text says is the controller's to use; here only whether it can be read.
ClusterFinding look_at_policy(const Connection& to, const Release& release) {
  std::string name = release.policy_namespace + "/" + release.policy_name;
  auto found = kube::ask(*to.client, kube::get(kube::kConfigMaps, {release.policy_namespace, release.policy_name}));
  if (!found && found.error().kind == Kind::kNotFound)
    return {"policy", name + " does not exist, so nothing is admitted",
            "helm upgrade --install ordeal charts/ordeal --namespace " + release.namespace_ + " --wait", true};
  if (!found) return unknown("policy", found.error());
  auto policy = decode_policy({std::move(*found), {}}, name);
  if (!policy)
    return {"policy", policy.error().message(),
            "kubectl -n " + release.policy_namespace + " edit configmap " + release.policy_name, true};
  return {"policy", name + " is valid"};
}

ClusterFinding look_at_halt(const Connection& to) {
  auto found = kube::ask(*to.client, kube::get(kube::kHalts, {"", cluster::kHaltName}));
  if (!found && found.error().kind == Kind::kNotFound) return {"halt", "released"};
  if (!found) return unknown("halt", found.error());
  auto halt = cluster::halt_from_json(&*found);
  if (!halt || !halt->engaged) return {"halt", "released"};
  return {"halt", fmt::format("ENGAGED: {} ({})", halt->reason, halt->by), "ordeal resume --cluster", true};
}

// "alice"; "you" where the server does not say.
std::string who_am_i(const Connection& to) {
  json::Object review{{"apiVersion", "authentication.k8s.io/v1"}, {"kind", "SelfSubjectReview"}};
  auto answer = kube::ask(*to.client, kube::create(kSelfReviews, {}, review));
  std::string name = answer ? text_at(*answer, "status.userInfo.username") : "";
  return name.empty() ? "you" : name;
}

kube::Answer<Right> ask_right(const Connection& to, Right right) {
  json::Object attributes{{"verb", right.verb}, {"group", right.group}, {"resource", right.resource}};
  if (!right.namespace_.empty()) attributes["namespace"] = right.namespace_;
  json::Object review{{"apiVersion", "authorization.k8s.io/v1"},
                      {"kind", "SelfSubjectAccessReview"},
                      {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  auto answer = kube::ask(*to.client, kube::create(kube::kAccessReviews, {}, review));
  if (!answer) return tl::unexpected(answer.error());
  const json::Value* allowed = field_at(*answer, "status.allowed");
  right.allowed = allowed && allowed->is_bool() && allowed->get_bool();
  return right;
}

struct Need {
  const char* topic;
  Role role;
  std::vector<Right> rights;
};
// What each command asks of the server as the person who calls it.
std::vector<Need> needs_in(const std::string& space) {
  const char* ours = "ordeal.dev";
  std::vector<Right> run, halt;
  for (const char* verb : {"create", "watch", "patch", "delete"}) run.push_back({verb, ours, "experiments", space});
  run.push_back({"watch", "", "configmaps", space});
  for (const char* verb : {"patch", "delete"}) halt.push_back({verb, ours, "halts", ""});
  halt.push_back({"watch", ours, "injections", ""});
  return {{"may run", {"ordeal-experimenter", space}, std::move(run)},
          {"may plan",
           {"ordeal-viewer", ""},
           {{"list", "", "pods", ""}, {"list", "", "nodes", ""}, {"list", ours, "experiments", ""}}},
          {"may halt", {"ordeal-halter", ""}, std::move(halt)}};
}

ClusterFinding look_at_rights(const Connection& to, const std::string& whom, const Need& need) {
  std::vector<Right> rights;
  for (const Right& right : need.rights) {
    auto answer = ask_right(to, right);
    if (!answer) return unknown(need.topic, answer.error());
    rights.push_back(std::move(*answer));
  }
  return rights_finding(need.topic, whom, rights, need.role);
}

// The first request: who does not get an answer here gets none at all.
Result<std::vector<ClusterFinding>> examine(const Connection& to, const ClusterOptions& where) {
  json::Value version = TRY(fetch(to, {.path = "/version"}, "cannot ask for the server's version"));
  std::vector<ClusterFinding> findings{server_finding(version), look_at_definitions(to), look_at_admission(to)};
  auto release = find_release(to, where);
  if (!release && release.error().code == Errc::kInvalidInput) return tl::unexpected(release.error());
  if (!release) findings.push_back({"controller", "not known: " + release.error().message(), "", true});
  if (release) findings.push_back(look_at_controller(to, *release));
  if (release && *release) {
    for (ClusterFinding& finding : look_at_agents(to, **release)) findings.push_back(std::move(finding));
    findings.push_back(look_at_policy(to, **release));
  }
  findings.push_back(look_at_halt(to));
  std::string whom = who_am_i(to);
  for (const Need& need : needs_in(to.namespace_)) findings.push_back(look_at_rights(to, whom, need));
  return findings;
}

bool any_missing(const std::vector<ClusterFinding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const ClusterFinding& finding) { return finding.missing; });
}

void print_text(const std::vector<ClusterFinding>& findings) {
  for (const ClusterFinding& finding : findings) {
    print("{:<12}{}\n", finding.topic, finding.text);
    if (!finding.advice.empty()) print("{:12}-> {}\n", "", finding.advice);
  }
  print("{}\n", any_missing(findings) ? "Something is missing: see each ->."
                                      : "Everything is there for `ordeal run --cluster`.");
}

}  // namespace

ExitCode install_command(const ClusterOptions& where, bool json) {
  auto to = connect(where);
  if (!to) return print_error(to.error());
  if (json) print_to_error("ordeal: {}\n", to->where());
  if (!json) print("{:<12}{}\n", "cluster", to->where());
  auto findings = examine(*to, where);
  if (!findings) return print_error(findings.error());
  if (json) {
    json::Array all;
    for (const ClusterFinding& finding : *findings) all.push_back(to_json(finding));
    print_json(
        json::Object{{"cluster", to->where()}, {"findings", std::move(all)}, {"complete", !any_missing(*findings)}});
  } else {
    print_text(*findings);
  }
  return any_missing(*findings) ? ExitCode::kInconclusive : ExitCode::kHeld;
}

}  // namespace ordeal::cli
