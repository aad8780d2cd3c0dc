#include "run/rollback/kubectl.h"

#include <fmt/format.h>

#include "core/base/text/text.h"

namespace ordeal::rollback {
namespace {

constexpr const char* kRequestTimeout = "--request-timeout=5s";
constexpr const char* kReplaced = "(the pod template of the previous revision)";

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
struct ObjectPath {
  std::string group, namespace_, resource, name, subresource;
};
ObjectPath object_path(const std::string& path) {
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
  ObjectPath object = object_path(call.path);
  Argv argv{"kubectl", "patch", object.resource + "." + object.group, object.name, "-n", object.namespace_};
  if (!object.subresource.empty()) argv.insert(argv.end(), {"--subresource", object.subresource});
  bool merge = call.content_type == "application/merge-patch+json";
  argv.insert(argv.end(), {"--type", merge ? "merge" : "json", "-p", json::write(call.body)});
  return argv;
}

Argv kubectl_abort(const argo::ApiCall& call) {
  Argv argv = kubectl_patch(call);
  argv.insert(argv.end(), {"-o", "jsonpath={.status.currentPodHash}/{.status.stableRS}"});
  return argv;
}

bool is_nothing_to_abort(std::string_view hashes) {
  size_t slash = hashes.find('/');
  return slash != std::string_view::npos && slash > 0 && trim(hashes.substr(slash + 1)) == hashes.substr(0, slash);
}

Argv kubectl_get(const std::string& resource, const std::string& name, const std::string& namespace_) {
  return {"kubectl", "get", resource, name, "-n", namespace_, "-o", "json"};
}

Argv kubectl_replica_sets(const std::string& selector, const std::string& namespace_) {
  Argv argv{"kubectl", "get", "replicasets.apps", "-n", namespace_, "-o", "json"};
  if (!selector.empty()) argv.insert(argv.end(), {"-l", selector});
  return argv;
}

Argv kubectl_undo_deployment(const DeploymentAction& action) {
  return {"kubectl", "rollout", "undo", "deployment/" + action.name, "-n", action.namespace_};
}

Argv kubectl_may(const argo::ApiCall& call) {
  ObjectPath object = object_path(call.path);
  Argv argv{"kubectl",
            "auth",
            "can-i",
            "patch",
            object.resource + "." + object.group + "/" + object.name,
            "-n",
            object.namespace_,
            kRequestTimeout};
  if (!object.subresource.empty()) argv.push_back("--subresource=" + object.subresource);
  return argv;
}

Argv kubectl_help() { return {"kubectl", "patch", "--help"}; }

std::string target_of(const argo::ApiCall& call) {
  ObjectPath object = object_path(call.path);
  return fmt::format("{}{}.{}/{} in {}", object.subresource.empty() ? "" : "the " + object.subresource + " of ",
                     object.resource, object.group, object.name, object.namespace_);
}

bool is_no_subresource(std::string_view output) {
  return output.find("the server could not find the requested resource") != std::string_view::npos;
}

std::string result_of(const sys::ChildResult& ended) {
  bool old = ended.output.find("unknown flag: --subresource") != std::string::npos;
  return old ? kTooOld : sys::to_text(ended);
}

bool succeeded(const sys::ChildResult& ended) { return !ended.timed_out && ended.exit_code == 0; }

Result<json::Value> answer_of(const sys::ChildResult& ended) {
  if (ended.cut) return fail(Errc::kSystem, fmt::format("kubectl's output is longer than {} MiB", kMostAnswer >> 20));
  auto value = json::parse(ended.out);
  if (!value) return fail(Errc::kSystem, "kubectl's output cannot be read: " + value.error().what);
  return value;
}

}  // namespace ordeal::rollback
