// kubectl's arguments for what argo/effect/patches.h says, until Ordeal speaks to the API itself. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/model/input/rollback.h"
#include "interop/argo/effect/patches.h"
#include "platform/sys/process/child_runner.h"

namespace ordeal::rollback {

using Argv = std::vector<std::string>;

// What a rollout or deployment action sends, as far as it is known before the cluster is asked; in `plan` and the
// record. A body that depends on the cluster is a text that says so.
std::vector<argo::ApiCall> planned_calls(const RollbackAction& action);

Argv kubectl_patch(const argo::ApiCall& call);
// The same, answered with "CURRENT/STABLE": the hashes of the version that an abort is to end, and of the stable one.
Argv kubectl_abort(const argo::ApiCall& call);
bool is_nothing_to_abort(std::string_view hashes);
Argv kubectl_get(const std::string& resource, const std::string& name, const std::string& namespace_);
// Those of the selector; all where it is "".
Argv kubectl_replica_sets(const std::string& selector, const std::string& namespace_);
Argv kubectl_undo_deployment(const DeploymentAction& action);
// Whether what a call does is allowed. Changes nothing.
Argv kubectl_may(const argo::ApiCall& call);
// Its help tells whether kubectl knows --subresource.
Argv kubectl_help();
constexpr const char* kTooOld = "this kubectl does not know --subresource: 1.24 or newer is needed";
// What a call is to, for a person: "the status of rollouts.argoproj.io/api in shop".
std::string target_of(const argo::ApiCall& call);
// Whether kubectl's words mean that the API has no such subresource (and not that there is no such object).
bool is_no_subresource(std::string_view output);

// How a program ended: kTooOld, else "exited with 1".
std::string result_of(const sys::ChildResult& ended);
bool succeeded(const sys::ChildResult& ended);
// The JSON that kubectl answered, of at most kMostAnswer bytes.
constexpr size_t kMostAnswer = size_t{8} << 20;
Result<json::Value> answer_of(const sys::ChildResult& ended);

}  // namespace ordeal::rollback
