// kubectl's arguments for what argo/effect/patches.h says, until Ordeal speaks to the API itself. Pure.
#pragma once

#include <string>
#include <vector>

#include "argo/effect/patches.h"
#include "model/rollback.h"

namespace ordeal::rollback {

using Argv = std::vector<std::string>;

// What a rollout or deployment action sends, as far as it is known before the cluster is asked; in `plan` and the
// record. A body that depends on the cluster is a text that says so.
std::vector<argo::ApiCall> planned_calls(const RollbackAction& action);

Argv kubectl_patch(const argo::ApiCall& call);
Argv kubectl_get(const std::string& resource, const std::string& name, const std::string& namespace_);
// All of them, where `name` is "".
Argv kubectl_undo_deployment(const DeploymentAction& action);
// Whether the object is there; whether what a call does to it is allowed. Neither changes anything.
Argv kubectl_exists(const std::string& resource, const std::string& name, const std::string& namespace_);
Argv kubectl_may(const argo::ApiCall& call);
// What a call is to, for a person: "the status of rollouts.argoproj.io/api in shop".
std::string target_of(const argo::ApiCall& call);
// Whether kubectl's words mean that the API has no such subresource (and not that there is no such object).
bool is_no_subresource(std::string_view output);

}  // namespace ordeal::rollback
