// Whether a rollback could be sent, asked before anything is injected.
#include <fmt/format.h>

#include <optional>

#include "core/base/io/file.h"
#include "core/base/io/wait.h"
#include "core/base/text/text.h"
#include "core/model/fields.h"
#include "platform/net/http_client.h"
#include "platform/sys/process/capability.h"
#include "platform/sys/process/child_runner.h"
#include "run/rollback/kubectl.h"
#include "run/rollback/rollback.h"

namespace ordeal::rollback {

// What the child that looks says to its parent.
struct Refusal {
  Errc code = Errc::kInternal;
  std::string what, hint;
};
struct Answer {
  Sendable sendable;
  std::optional<Refusal> refusal;
};

}  // namespace ordeal::rollback

namespace ordeal::json {

using namespace ordeal::rollback;

template <>
struct Shape<Sendable> {
  static constexpr auto kFields = std::tuple{must("notes", &Sendable::notes), must("warnings", &Sendable::warnings)};
};
template <>
struct Shape<Refusal> {
  static constexpr auto kFields =
      std::tuple{must("code", &Refusal::code), must("what", &Refusal::what), must("hint", &Refusal::hint)};
};
template <>
struct Shape<Answer> {
  static constexpr auto kFields = std::tuple{must("sendable", &Answer::sendable), must("refusal", &Answer::refusal)};
};

}  // namespace ordeal::json

namespace ordeal::rollback {
namespace {

constexpr Nanos kCheckTimeout = 5s;
constexpr const char* kWithout = "or give `rollback: []`, or --no-rollback, to run without one";

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
  net::HttpOutcome ended = wait_for(client, outcome);
  if (ended) return {};
  const Error& error = ended.error().error;
  return refuse(action, error.cause ? error.cause->message() : "the server does not answer",
                "make sure that it answers");
}

constexpr const char* kClusterHint =
    "make sure that kubectl reaches the cluster, and that the object exists and may be patched";

Result<sys::ChildResult> ask(const Argv& argv) {
  sys::Command command{argv, 2 * kCheckTimeout};
  command.most_out = kMostAnswer;
  return sys::run(command);
}

// What it means stands in kubectl's last line, the log of its attempts before.
Unexpected refuse(const RollbackAction& action, const Argv& argv, const sys::ChildResult& ended) {
  std::string_view said = trim(ended.output);
  said = said.substr(said.rfind('\n') + 1);
  std::string why = ended.timed_out ? "it does not answer" : said.empty() ? result_of(ended) : std::string(said);
  return refuse(action, fmt::format("`{}`: {}", join(argv, " "), why), kClusterHint);
}

// kubectl says "no" where it is not allowed, and more where it could not ask.
Result<> check_may(const RollbackAction& action, const argo::ApiCall& call) {
  sys::ChildResult ended = TRY(ask(kubectl_may(call)));
  if (succeeded(ended)) return {};
  if (trim(ended.out).starts_with("no"))
    return refuse(action, fmt::format("kubectl's user may not patch {}", target_of(call)),
                  "grant it the permission, or give kubectl another user");
  return refuse(action, kubectl_may(call), ended);
}

Result<json::Value> ask(const RollbackAction& action, const Argv& argv) {
  sys::ChildResult ended = TRY(ask(argv));
  if (!succeeded(ended)) return refuse(action, argv, ended);
  auto value = answer_of(ended);
  if (!value) return refuse(action, fmt::format("`{}`: {}", join(argv, " "), value.error().what), kClusterHint);
  return std::move(*value);
}

Result<> check_help(const RollbackAction& action) {
  sys::ChildResult ended = TRY(ask(kubectl_help()));
  if (succeeded(ended) && ended.out.find("--subresource") != std::string::npos) return {};
  return refuse(action, kTooOld, "install a newer kubectl");
}

using UndoOf = Result<argo::Undo> (*)(const argo::ObjectRef&, const json::Value&, const json::Value&);

// All that an undo does, but for the patch itself.
Result<> check_undo(const RollbackAction& action, const json::Value& present, const argo::ObjectRef& object,
                    UndoOf undo_of, Sendable& told) {
  json::Value sets = TRY(ask(action, kubectl_replica_sets(argo::selector_of(present), object.namespace_)));
  auto undo = undo_of(object, present, sets);
  if (!undo) return refuse(action, undo.error().message(), "make sure that it has an earlier revision");
  std::string what = to_text(action);
  if (undo->call) told.notes.push_back(fmt::format("to {} would now go back to revision {}", what, undo->revision));
  if (!undo->call)
    told.warnings.push_back(fmt::format(
        "to {} would change nothing now: its pod template is that of revision {} already", what, undo->revision));
  return check_may(action, undo->call ? *undo->call : planned_calls(action)[0]);
}

Result<> check(const RollbackAction& action, const DeploymentAction& deployment, Sendable& told) {
  json::Value present = TRY(ask(action, kubectl_get("deployments.apps", deployment.name, deployment.namespace_)));
  return check_undo(action, present, {deployment.name, deployment.namespace_}, argo::undo_deployment, told);
}

Result<> check(const RollbackAction& action, const RolloutAction& rollout, Sendable& told) {
  json::Value present = TRY(ask(action, kubectl_get("rollouts.argoproj.io", rollout.name, rollout.namespace_)));
  if (rollout.action == "undo")
    return check_undo(action, present, {rollout.name, rollout.namespace_}, argo::undo_rollout, told);
  if (rollout.action == "abort" && argo::is_fully_promoted(present))
    told.warnings.push_back(
        fmt::format("to {} has no effect now: it is fully promoted, so there is nothing to abort (`action: undo` goes "
                    "back to the previous revision)",
                    to_text(action)));
  TRY_VOID(check_help(action));
  return check_may(action, planned_calls(action)[0]);
}

Result<> check(const RollbackAction& action, const CommandAction& command, Sendable&) {
  if (find_program(command.argv[0])) return {};
  return refuse(action, fmt::format("{} is not an executable program", command.argv[0]),
                "give its full path or put it on the PATH");
}

Result<> check(const RollbackAction& action, const HttpAction& http, Sendable&) { return check_http(action, http); }

Result<Sendable> check_all(const std::vector<RollbackAction>& actions) {
  Sendable told;
  for (const RollbackAction& action : actions) {
    if (!planned_calls(action).empty() && !find_program("kubectl"))
      return refuse(action, "kubectl is not on the PATH", "install kubectl and give it access to the cluster");
    TRY_VOID(std::visit([&](const auto& what) { return check(action, what, told); }, action.what));
  }
  return told;
}

std::string packed(const Result<Sendable>& answer) {
  if (answer) return json::write(json::Codec<Answer>::write({*answer, {}}));
  const Error& error = answer.error();
  return json::write(json::Codec<Answer>::write({{}, Refusal{error.code, error.message(), error.advice()}}));
}

Result<Sendable> unpacked(const std::string& text) {
  json::Value value = TRY(json::parse(text));
  json::Document document{std::move(value), {}};
  Answer answer = TRY(json::Codec<Answer>::read(json::Reader(document)));
  if (answer.refusal) return fail(answer.refusal->code, answer.refusal->what, answer.refusal->hint);
  return std::move(answer.sendable);
}

}  // namespace

Result<Sendable> check(const std::vector<RollbackAction>& actions) {
  return unpacked(TRY(sys::without_capabilities([&] { return packed(check_all(actions)); })));
}

}  // namespace ordeal::rollback
