#include "interop/argo/effect/patches.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "core/model/input/rollback.h"

namespace ordeal::argo {
namespace {

using json::Object;
using json::Value;

constexpr const char* kMerge = "application/merge-patch+json";
constexpr const char* kJsonPatch = "application/json-patch+json";
constexpr const char* kRolloutHash = "rollouts-pod-template-hash";
constexpr const char* kDeploymentHash = "pod-template-hash";
constexpr const char* kRolloutRevision = "rollout.argoproj.io/revision";
constexpr const char* kDeploymentRevision = "deployment.kubernetes.io/revision";

// Null when anything on the way is missing.
const Value* look(const Value& value, std::initializer_list<std::string_view> keys) {
  const Value* at = &value;
  for (std::string_view key : keys) {
    const Object* object = at->if_object();
    at = object ? object->if_contains(key) : nullptr;
    if (!at) return nullptr;
  }
  return at->is_null() ? nullptr : at;
}

std::string text(const Value* value) { return value && value->is_string() ? std::string(value->get_string()) : ""; }
bool is_true(const Value* value) { return value && value->is_bool() && value->get_bool(); }
int64_t whole(const Value* value) { return value && value->is_int64() ? value->get_int64() : 0; }
size_t length(const Value* value) { return value && value->is_array() ? value->get_array().size() : 0; }

ApiCall status_call(const ObjectRef& rollout, Object status) {
  return {"PATCH", rollout_path(rollout) + "/status", kMerge, Object{{"status", std::move(status)}}};
}

// What a promotion clears: a pause, an inconclusive analysis, or the present step.
struct Cleared {
  std::optional<Object> status;
  bool steps = false;  // it goes on to the next one
};
Cleared clear(const Value& object) {
  bool paused = length(look(object, {"status", "pauseConditions"})) > 0;
  bool canary = look(object, {"spec", "strategy", "canary"}) != nullptr;
  auto steps = static_cast<int64_t>(length(look(object, {"spec", "strategy", "canary", "steps"})));
  int64_t next = std::min(whole(look(object, {"status", "currentStepIndex"})) + 1, steps);
  std::string step_run = text(look(object, {"status", "canary", "currentStepAnalysisRunStatus", "status"}));
  bool controller_pause = is_true(look(object, {"status", "controllerPause"}));
  if (canary && step_run == "Inconclusive" && paused && controller_pause) {
    if (steps == 0) return {};
    return {Object{{"pauseConditions", nullptr}, {"controllerPause", false}, {"currentStepIndex", next}}};
  }
  if (paused) return {Object{{"pauseConditions", nullptr}}};
  if (canary && steps > 0) return {Object{{"pauseConditions", nullptr}, {"currentStepIndex", next}}, true};
  return {};
}

Object unpaused() { return {{"paused", false}}; }

ApiCall unified_call(const ObjectRef& rollout, Object status) {
  return {"PATCH", rollout_path(rollout), kMerge, Object{{"spec", unpaused()}, {"status", std::move(status)}}};
}

// "a=b", and of matchExpressions "a in (b,c)", "!a".
std::string requirement_of(const Value& expression) {
  std::string key = text(look(expression, {"key"})), op = text(look(expression, {"operator"})), values;
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  const Value* list = look(expression, {"values"});
  if (list && list->is_array())
    for (const Value& value : list->get_array()) values += (values.empty() ? "" : ",") + text(&value);
  return fmt::format("{} {} ({})", key, op == "In" ? "in" : "notin", values);
}

struct PatchKind {
  const char* hash_label;
  const char* revision;
};

bool owns(const Value& owner, const Value& object) {
  std::string uid = text(look(owner, {"metadata", "uid"}));
  const Value* owners = look(object, {"metadata", "ownerReferences"});
  if (!owners || !owners->is_array()) return false;
  for (const Value& reference : owners->get_array())
    if (is_true(look(reference, {"controller"})) && text(look(reference, {"uid"})) == uid && !uid.empty()) return true;
  return false;
}

struct Previous {
  const Value* replica_set = nullptr;
  int64_t revision = 0;
};

// The second-highest revision; a ReplicaSet without one counts as 0.
Result<Previous> previous_of(const PatchKind& kind, const Value& owner, const Value& replica_sets) {
  const Value* items = look(replica_sets, {"items"});
  if (!items || !items->is_array()) return fail(Errc::kInvalidInput, "expected a list of ReplicaSets");
  Previous newest, previous;
  for (const Value& set : items->get_array()) {
    if (!owns(owner, set)) continue;
    Previous found{&set,
                   parse_number<int64_t>(text(look(set, {"metadata", "annotations", kind.revision}))).value_or(0)};
    if (!newest.replica_set || found.revision > newest.revision) {
      previous = std::exchange(newest, found);
    } else if (!previous.replica_set || found.revision > previous.revision) {
      previous = found;
    }
  }
  if (!previous.replica_set) return fail(Errc::kNotFound, "there is no earlier revision to go back to");
  return previous;
}

Value without_hash(const PatchKind& kind, Value pod_template) {
  const Value* labels = look(pod_template, {"metadata", "labels"});
  if (labels && labels->is_object()) pod_template.at("metadata").at("labels").as_object().erase(kind.hash_label);
  return pod_template;
}

Result<Undo> undo(const PatchKind& kind, const std::string& path, const Value& object, const Value& replica_sets) {
  Previous previous = TRY(previous_of(kind, object, replica_sets));
  const Value* pod_template = look(*previous.replica_set, {"spec", "template"});
  if (!pod_template || !pod_template->is_object())
    return fail(Errc::kInvalidInput, "the ReplicaSet of the earlier revision has no pod template");
  Undo made;
  made.revision = previous.revision;
  Value wanted = without_hash(kind, *pod_template);
  const Value* present = look(object, {"spec", "template"});
  if (present && without_hash(kind, *present) == wanted) return made;
  Object replace{{"op", "replace"}, {"path", "/spec/template"}, {"value", std::move(wanted)}};
  made.call = ApiCall{"PATCH", path, kJsonPatch, json::Array{std::move(replace)}};
  return made;
}

constexpr PatchKind kRollout{kRolloutHash, kRolloutRevision};
constexpr PatchKind kDeployment{kDeploymentHash, kDeploymentRevision};

}  // namespace

json::Value to_json(const ApiCall& call) {
  return Object{{"method", call.method}, {"path", call.path}, {"content_type", call.content_type}, {"body", call.body}};
}

std::string rollout_path(const ObjectRef& rollout) {
  return fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{}", rollout.namespace_, rollout.name);
}
std::string deployment_path(const ObjectRef& deployment) {
  return fmt::format("/apis/apps/v1/namespaces/{}/deployments/{}", deployment.namespace_, deployment.name);
}

ApiCall abort_rollout(const ObjectRef& rollout) { return status_call(rollout, {{"abort", true}}); }
ApiCall retry_rollout(const ObjectRef& rollout) { return status_call(rollout, {{"abort", false}}); }
ApiCall promote_rollout_fully(const ObjectRef& rollout) { return status_call(rollout, {{"promoteFull", true}}); }

ApiCall on_main_resource(ApiCall call) {
  constexpr std::string_view kStatus = "/status";
  if (call.path.ends_with(kStatus)) call.path.resize(call.path.size() - kStatus.size());
  return call;
}

ApiCall terminate_analysis_run(const ObjectRef& run) {
  return {"PATCH", fmt::format("/apis/argoproj.io/v1alpha1/namespaces/{}/analysisruns/{}", run.namespace_, run.name),
          kMerge, Object{{"spec", Object{{"terminate", true}}}}};
}

Result<Promotion> promote_rollout(const ObjectRef& rollout, const Value& object, bool fully) {
  Promotion promotion;
  if (is_true(look(object, {"spec", "paused"})))
    promotion.spec = ApiCall{"PATCH", rollout_path(rollout), kMerge, Object{{"spec", unpaused()}}};
  if (fully) {
    promotion.unified = unified_call(rollout, {{"promoteFull", true}});
    if (!is_fully_promoted(object)) promotion.status = promote_rollout_fully(rollout);
  } else {
    Cleared cleared = clear(object);
    promotion.unified = unified_call(rollout, cleared.steps ? *cleared.status : Object{{"pauseConditions", nullptr}});
    if (cleared.status) promotion.status = status_call(rollout, std::move(*cleared.status));
  }
  if (!promotion.status && !promotion.spec)
    return fail(Errc::kNotFound, "the Rollout waits for nothing that could be promoted");
  return promotion;
}

bool is_fully_promoted(const Value& rollout) {
  std::string stable = text(look(rollout, {"status", "stableRS"}));
  return !stable.empty() && stable == text(look(rollout, {"status", "currentPodHash"}));
}

std::string selector_of(const Value& object) {
  std::vector<std::string> all;
  const Value* labels = look(object, {"spec", "selector", "matchLabels"});
  if (labels && labels->is_object())
    for (const auto& [key, value] : labels->get_object())
      all.push_back(fmt::format("{}={}", std::string_view(key), text(&value)));
  const Value* expressions = look(object, {"spec", "selector", "matchExpressions"});
  if (expressions && expressions->is_array())
    for (const Value& expression : expressions->get_array()) all.push_back(requirement_of(expression));
  return join(all, ",");
}

Result<Undo> undo_rollout(const ObjectRef& rollout, const Value& object, const Value& replica_sets) {
  const Value* workload = look(object, {"spec", "workloadRef"});
  if (!workload) return undo(kRollout, rollout_path(rollout), object, replica_sets);
  std::string kind = text(look(*workload, {"kind"}));
  if (kind != "Deployment")
    return fail(Errc::kUnsupported, fmt::format("the Rollout's pods come from a {}, not from a Deployment", kind));
  ObjectRef deployment{text(look(*workload, {"name"})), rollout.namespace_};
  if (!is_object_name(deployment.name))
    return fail(Errc::kInvalidInput, fmt::format("\"{}\" is no name of a Deployment", deployment.name));
  return undo(kRollout, deployment_path(deployment), object, replica_sets);
}

Result<Undo> undo_deployment(const ObjectRef& deployment, const Value& object, const Value& replica_sets) {
  return undo(kDeployment, deployment_path(deployment), object, replica_sets);
}

}  // namespace ordeal::argo
