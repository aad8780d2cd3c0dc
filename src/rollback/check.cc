// Whether a rollback could be sent, asked before anything is injected.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/text.h"
#include "net/http_client.h"
#include "rollback/kubectl.h"
#include "rollback/process.h"
#include "rollback/rollback.h"

namespace ordeal::rollback {
namespace {

constexpr Nanos kCheckTimeout = 5s;
constexpr const char* kWithout = "or give `rollback: []`, or --no-rollback, to run without one";

// As execvp() looks for it.
bool can_execute(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split_words(path ? path : "/bin:/usr/bin", ":"))
    if (::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
  return false;
}

Unexpected refuse(const RollbackAction& action, const std::string& why, const std::string& hint) {
  return fail(Errc::kRefused, fmt::format("the rollback could not {}: {}", to_text(action), why),
              fmt::format("{}, {}", hint, kWithout));
}

Result<> check_http(const RollbackAction& action, const HttpAction& http) {
  net::HttpClient client = TRY(net::HttpClient::create());
  net::HttpCall call;
  call.url = http.url;
  call.timeout = kCheckTimeout;
  call.connect_only = true;
  std::optional<net::HttpOutcome> outcome;
  client.start(std::move(call), [&](net::HttpOutcome seen) { outcome = std::move(seen); });
  while (!outcome) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    client.dispatch();
  }
  if (*outcome) return {};
  return refuse(action, outcome->error().error.message(), "see that the server answers");
}

constexpr const char* kClusterHint =
    "see that kubectl reaches the cluster, that the object is there, and that it may be patched";

Result<ProcessEnd> run(const Argv& argv) {
  Process process = TRY(Process::create());
  std::optional<ProcessEnd> ended;
  TRY_VOID(process.start(argv, {}, 2 * kCheckTimeout, [&](ProcessEnd end) { ended = std::move(end); }));
  while (!ended) {
    pollfd wait{process.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    process.dispatch();
  }
  return std::move(*ended);
}

// What kubectl answers; else a refusal. What it means stands in its last line, the log of its attempts before.
Result<std::string> ask(const RollbackAction& action, const Argv& argv) {
  ProcessEnd ended = TRY(run(argv));
  if (ended.ok) return std::move(ended.out);
  std::string_view said = trim(ended.output);
  said = said.substr(said.rfind('\n') + 1);
  std::string why = ended.timed_out ? "it does not answer" : said.empty() ? ended.result : std::string(said);
  return refuse(action, fmt::format("`{}`: {}", join(argv, " "), why), kClusterHint);
}

// kubectl says "no" where it is not allowed, and more where it could not ask.
Result<> check_may(const RollbackAction& action, const argo::ApiCall& call) {
  ProcessEnd ended = TRY(run(kubectl_may(call)));
  if (ended.ok) return {};
  if (trim(ended.out).starts_with("no"))
    return refuse(action, fmt::format("kubectl's user may not patch {}", target_of(call)),
                  "give it the right, or kubectl another user");
  return ask(action, kubectl_may(call)).map([](const std::string&) {});
}

Result<json::Value> ask_object(const RollbackAction& action, const Argv& argv) {
  auto value = json::parse(TRY(ask(action, argv)));
  if (!value) return refuse(action, fmt::format("`{}`: {}", join(argv, " "), value.error().what), kClusterHint);
  return std::move(*value);
}

using UndoOf = Result<argo::Undo> (*)(const argo::ObjectRef&, const json::Value&, const json::Value&);

// All that an undo does, but for the patch itself.
Result<> check_undo(const RollbackAction& action, const char* resource, const argo::ObjectRef& object, UndoOf undo_of) {
  json::Value present = TRY(ask_object(action, kubectl_get(resource, object.name, object.namespace_)));
  json::Value sets = TRY(ask_object(action, kubectl_get("replicasets.apps", "", object.namespace_)));
  auto undo = undo_of(object, present, sets);
  if (!undo) return refuse(action, undo.error().message(), "see that it has been changed before");
  return check_may(action, undo->call ? *undo->call : planned_calls(action)[0]);
}

Result<> check_cluster(const RollbackAction& action) {
  if (!can_execute("kubectl"))
    return refuse(action, "kubectl is not on the PATH", "install kubectl and give it access to the cluster");
  if (const auto* deployment = std::get_if<DeploymentAction>(&action.what))
    return check_undo(action, "deployments.apps", {deployment->name, deployment->namespace_}, argo::undo_deployment);
  const auto& rollout = std::get<RolloutAction>(action.what);
  if (rollout.action == "undo")
    return check_undo(action, "rollouts.argoproj.io", {rollout.name, rollout.namespace_}, argo::undo_rollout);
  TRY_VOID(ask(action, kubectl_exists("rollouts.argoproj.io", rollout.name, rollout.namespace_)));
  return check_may(action, planned_calls(action)[0]);
}

Result<> check_action(const RollbackAction& action) {
  if (const auto* http = std::get_if<HttpAction>(&action.what)) return check_http(action, *http);
  const auto* command = std::get_if<CommandAction>(&action.what);
  if (!command) return check_cluster(action);
  if (can_execute(command->argv[0])) return {};
  return refuse(action, fmt::format("{} is no program that can be executed", command->argv[0]),
                "give its full path or put it on the PATH");
}

}  // namespace

Result<> check(const std::vector<RollbackAction>& actions) {
  for (const RollbackAction& action : actions) TRY_VOID(check_action(action));
  return {};
}

}  // namespace ordeal::rollback
