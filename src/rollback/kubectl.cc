#include "rollback/kubectl.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ordeal::rollback {
namespace {

constexpr const char* kCheckTimeout = "--request-timeout=5s";
constexpr const char* kReplaced = "(the pod template of the revision before)";

argo::ObjectRef ref(const RolloutAction& action) { return {action.name, action.namespace_}; }

argo::ApiCall undo_of(std::string path) {
  json::Object replace{{"op", "replace"}, {"path", "/spec/template"}, {"value", kReplaced}};
  return {"PATCH", std::move(path), "application/json-patch+json", json::Array{std::move(replace)}};
}

argo::ApiCall planned(const RolloutAction& action) {
  argo::ObjectRef rollout = ref(action);
  if (action.action == "abort") return argo::abort_rollout(rollout);
  if (action.action == "retry") return argo::retry_rollout(rollout);
  if (action.action == "promote-full") return argo::promote_rollout_fully(rollout);
  if (action.action == "undo") return undo_of(argo::rollout_path(rollout));
  argo::ApiCall promotion = argo::retry_rollout(rollout);
  promotion.body = json::Object{{"status", json::Object{{"pauseConditions", nullptr}}}};
  return promotion;
}

// /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME[/SUBRESOURCE]
struct Place {
  std::string group, namespace_, resource, name, subresource;
};
Place place_of(const std::string& path) {
  std::vector<std::string_view> parts = split_words(path, "/");
  auto part = [&](size_t i) { return i < parts.size() ? std::string(parts[i]) : std::string(); };
  return {part(1), part(4), part(5), part(6), part(7)};
}

}  // namespace

std::vector<argo::ApiCall> planned_calls(const RollbackAction& action) {
  if (const auto* rollout = std::get_if<RolloutAction>(&action.what)) return {planned(*rollout)};
  if (const auto* deployment = std::get_if<DeploymentAction>(&action.what))
    return {undo_of(argo::deployment_path({deployment->name, deployment->namespace_}))};
  return {};
}

Argv kubectl_patch(const argo::ApiCall& call) {
  Place place = place_of(call.path);
  Argv argv{"kubectl", "patch", place.resource + "." + place.group, place.name, "-n", place.namespace_};
  if (!place.subresource.empty()) argv.insert(argv.end(), {"--subresource", place.subresource});
  bool merge = call.content_type == "application/merge-patch+json";
  argv.insert(argv.end(), {"--type", merge ? "merge" : "json", "-p", json::write(call.body)});
  return argv;
}

Argv kubectl_get(const std::string& resource, const std::string& name, const std::string& namespace_) {
  Argv argv{"kubectl", "get", resource};
  if (!name.empty()) argv.push_back(name);
  argv.insert(argv.end(), {"-n", namespace_, "-o", "json"});
  return argv;
}

Argv kubectl_undo_deployment(const DeploymentAction& action) {
  return {"kubectl", "rollout", "undo", "deployment/" + action.name, "-n", action.namespace_};
}

Argv kubectl_exists(const std::string& resource, const std::string& name, const std::string& namespace_) {
  return {"kubectl", "get", resource, name, "-n", namespace_, "-o", "name", kCheckTimeout};
}

Argv kubectl_may(const argo::ApiCall& call) {
  Place place = place_of(call.path);
  Argv argv{"kubectl", "auth",           "can-i",      "patch", place.resource + "." + place.group + "/" + place.name,
            "-n",      place.namespace_, kCheckTimeout};
  if (!place.subresource.empty()) argv.push_back("--subresource=" + place.subresource);
  return argv;
}

std::string target_of(const argo::ApiCall& call) {
  Place place = place_of(call.path);
  return fmt::format("{}{}.{}/{} in {}", place.subresource.empty() ? "" : "the " + place.subresource + " of ",
                     place.resource, place.group, place.name, place.namespace_);
}

bool is_no_subresource(std::string_view output) {
  return output.find("the server could not find the requested resource") != std::string_view::npos;
}

}  // namespace ordeal::rollback
