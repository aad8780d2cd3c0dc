#include "app/cli/cluster/release.h"

#include <fmt/format.h>

#include "app/cli/cluster/objects.h"
#include "core/model/cluster/names.h"

namespace ordeal::cli {
namespace {

// "--flag VALUE" and "--flag=VALUE" alike; "" where it is not there.
std::string argument_of(const json::Array& arguments, std::string_view flag) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].is_string()) continue;
    std::string_view text = arguments[i].get_string();
    if (text == flag && i + 1 < arguments.size() && arguments[i + 1].is_string())
      return std::string(arguments[i + 1].get_string());
    if (text.starts_with(flag) && text.size() > flag.size() && text[flag.size()] == '=')
      return std::string(text.substr(flag.size() + 1));
  }
  return "";
}

std::string argument_of(const json::Value& deployment, std::string_view flag) {
  for (const json::Value& container : list_at(deployment, "spec.template.spec.containers"))
    for (const char* field : {"args", "command"})
      if (std::string found = argument_of(list_at(container, field), flag); !found.empty()) return found;
  return "";
}

bool has_flag(const json::Value& deployment, std::string_view flag) {
  for (const json::Value& container : list_at(deployment, "spec.template.spec.containers"))
    for (const json::Value& argument : list_at(container, "args"))
      if (argument.is_string() && argument.get_string() == flag) return true;
  return false;
}

Result<std::optional<Release>> first_of(const json::Array& found) {
  if (found.empty()) return std::optional<Release>();
  if (found.size() == 1) return std::optional(release_of(found[0]));
  std::string names;
  for (const json::Value& one : found) names += (names.empty() ? "" : ", ") + text_at(one, "metadata.namespace");
  return fail(Errc::kInvalidInput, fmt::format("Ordeal is installed more than once: in the namespaces {}", names),
              "say which one with --release-namespace NAME");
}

}  // namespace

std::string labels_of_part(const std::string& part) {
  return fmt::format("{},app.kubernetes.io/component={}", kReleaseLabel, part);
}

Release release_of(json::Value deployment) {
  Release release;
  release.namespace_ = text_at(deployment, "metadata.namespace");
  release.whole_cluster = argument_of(deployment, "--scope") != "namespace";
  release.may_roll_back = has_flag(deployment, "--rollback");
  release.policy_namespace = release.namespace_;
  release.policy_name = cluster::kPolicyConfigMap;
  if (auto policy = kube::parse_object_name(argument_of(deployment, "--policy-configmap"))) {
    release.policy_namespace = policy->namespace_;
    release.policy_name = policy->name;
  }
  release.controller = std::move(deployment);
  return release;
}

Result<std::optional<Release>> find_release(const Connection& to, const ClusterOptions& where) {
  std::string labels = labels_of_part("controller");
  auto found = fetch_all(to, kube::kDeployments, {where.release, ""}, labels);
  bool narrower = !found && found.error().kind == kube::ApiFailure::Kind::kForbidden && where.release.empty();
  if (narrower) found = fetch_all(to, kube::kDeployments, {kReleaseNamespace, ""}, labels);
  if (!found) return tl::unexpected(error_of(found.error(), "cannot look for Ordeal's controller"));
  return first_of(*found);
}

}  // namespace ordeal::cli
