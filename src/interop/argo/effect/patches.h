// ApiCall: what is sent to the Kubernetes API to abort, retry, promote or undo a rollout, as data: who sends it
// (kubectl now, our own client later) is not this folder's matter. Pure: what an undo needs of the cluster is given as
// JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/json/value.h"

namespace ordeal::argo {

struct ApiCall {
  std::string method;        // PATCH
  std::string path;          // /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api/status
  std::string content_type;  // application/merge-patch+json
  json::Value body;
};
json::Value to_json(const ApiCall& call);

struct ObjectRef {
  std::string name;
  std::string namespace_ = "default";
};

// Where an object is.
std::string rollout_path(const ObjectRef& rollout);
std::string deployment_path(const ObjectRef& deployment);

// On the subresource `status`; where that is not served (Argo Rollouts before 0.10), `on_main_resource` is the same on
// the Rollout itself.
ApiCall abort_rollout(const ObjectRef& rollout);
ApiCall retry_rollout(const ObjectRef& rollout);
ApiCall promote_rollout_fully(const ObjectRef& rollout);
ApiCall on_main_resource(ApiCall status_call);
ApiCall terminate_analysis_run(const ObjectRef& run);

// One step further, or `fully`, by what the Rollout waits for, as Argo's own kubectl plugin does it: first `status`,
// then `spec`; where the subresource is not served, `unified` instead of both. kNotFound where there is nothing to
// promote.
struct Promotion {
  std::optional<ApiCall> status, spec;
  ApiCall unified;
};
Result<Promotion> promote_rollout(const ObjectRef& rollout, const json::Value& object, bool fully);
// Its newest version is the stable one: an abort has no effect.
bool is_fully_promoted(const json::Value& rollout);

// Back to the pod template of the revision before (the second-highest among the ReplicaSets that the object owns).
// Nothing to do when the template is that one already. `replica_sets` is a ReplicaSetList, or a List of them.
// They can be asked for with the object's own label selector, for `kubectl get -l`; "" where it has none.
std::string selector_of(const json::Value& object);
struct Undo {
  std::optional<ApiCall> call;
  int64_t revision = 0;  // the one that it goes back to
};
Result<Undo> undo_rollout(const ObjectRef& rollout, const json::Value& object, const json::Value& replica_sets);
Result<Undo> undo_deployment(const ObjectRef& deployment, const json::Value& object, const json::Value& replica_sets);

}  // namespace ordeal::argo
