// RollbackAction: what is done to the deployment after a breach, once the fault is off; `rollback` in an experiment is
// a list of them, done in order (docs/formats/experiment.md). Data only; src/rollback does it.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/reader.h"

namespace ordeal {

// A program by its arguments, never a shell.
struct CommandAction {
  std::vector<std::string> argv;
};
// Any answer from 200 to 299 is good.
struct HttpAction {
  std::string url;
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
// An Argo Rollout.
struct RolloutAction {
  std::string name;
  std::string namespace_ = "default";
  std::string action = "abort";  // abort, undo, retry, promote, promote-full
};
// A Kubernetes Deployment goes back to its revision before.
struct DeploymentAction {
  std::string name;
  std::string namespace_ = "default";
};

struct RollbackAction {
  std::variant<CommandAction, HttpAction, RolloutAction, DeploymentAction> what;
  Nanos timeout = 30s;
};

// "command", "http", "rollout", "deployment".
const char* kind_of(const RollbackAction& action);
// For a person: "abort the Rollout api in shop", "run /usr/local/bin/undo --now".
std::string to_text(const RollbackAction& action);

// Whether it may be the name of an object of Kubernetes, or of its namespace: it becomes part of a path and of
// kubectl's arguments, where "--kubeconfig=…" were an option.
bool is_object_name(std::string_view name);

Result<std::vector<RollbackAction>> decode_rollback(const json::Reader& reader);
// Of a request only its method and server are shown, and the names of its headers: the rest may hold a token.
json::Value to_json(const RollbackAction& action);

}  // namespace ordeal
