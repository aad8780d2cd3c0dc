#include "rollback/rollback.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <optional>

#include "base/duration.h"
#include "base/unique_fd.h"
#include "net/http_client.h"
#include "rollback/kubectl.h"
#include "rollback/process.h"

namespace ordeal::rollback {
namespace {

json::Array argv_json(const Argv& argv) {
  json::Array array;
  for (const std::string& word : argv) array.push_back(json::Value(word));
  return array;
}

json::Array calls_json(const std::vector<argo::ApiCall>& calls) {
  json::Array array;
  for (const argo::ApiCall& call : calls) array.push_back(argo::to_json(call));
  return array;
}

Result<json::Value> parse_answer(const std::string& text, const char* what) {
  auto value = json::parse(text);
  if (!value) return fail(Errc::kSystem, fmt::format("kubectl's {} cannot be read: {}", what, value.error().what));
  return value;
}

}  // namespace

json::Object describe(const RollbackAction& action) {
  json::Object data{{"kind", kind_of(action)}, {"action", to_text(action)}};
  if (const auto* command = std::get_if<CommandAction>(&action.what)) data["command"] = argv_json(command->argv);
  if (std::holds_alternative<HttpAction>(action.what)) data["request"] = to_json(action).at("http");
  auto calls = planned_calls(action);
  if (!calls.empty()) data["calls"] = calls_json(calls);
  return data;
}

struct Rollback::Impl {
  Impl(std::vector<RollbackAction> list, std::string run, Callback callback, Process program, net::HttpClient http)
      : actions(std::move(list)),
        run_id(std::move(run)),
        done(std::move(callback)),
        process(std::move(program)),
        client(std::move(http)) {}

  std::vector<RollbackAction> actions;
  std::string run_id;
  Callback done;
  Process process;
  net::HttpClient client;
  UniqueFd epoll;
  std::vector<std::string> environment;
  size_t present = 0;
  BootTime began;
  json::Object data;  // of the present action

  void begin();
  void end(bool ok, std::string result, std::string output);
  void run(const Argv& argv, Process::Callback next);
  void run_last(const Argv& argv);
  void patch(argo::ApiCall call);
  void patch_all(std::vector<argo::ApiCall> calls);
  void get(const std::string& resource, const RolloutAction& action, std::function<void(json::Value)> next);

  void perform(const CommandAction& action) { run_last(action.argv); }
  void perform(const HttpAction& action);
  void perform(const RolloutAction& action);
  void perform(const DeploymentAction& action) { run_last(kubectl_undo_deployment(action)); }
  void undo(const RolloutAction& action);
  void promote(const RolloutAction& action);
};

void Rollback::Impl::begin() {
  const RollbackAction& action = actions[present];
  began = boot_now();
  data = describe(action);
  data["index"] = present;
  std::visit([this](const auto& what) { perform(what); }, action.what);
}

void Rollback::Impl::end(bool ok, std::string result, std::string output) {
  data["ok"] = ok;
  data["result"] = std::move(result);
  data["output"] = std::move(output);
  bool last = ++present >= actions.size();
  done({std::move(data), boot_now() - began, last});
  if (!last) begin();
}

// What is left of the action's time goes to each of its programs.
void Rollback::Impl::run(const Argv& argv, Process::Callback next) {
  Nanos left = std::max<Nanos>(actions[present].timeout - (boot_now() - began), 1ms);
  auto started = process.start(argv, environment, left, std::move(next));
  if (!started) end(false, started.error().message(), "");
}

void Rollback::Impl::run_last(const Argv& argv) {
  run(argv, [this](const ProcessEnd& ended) { end(ended.ok, ended.result, ended.output); });
}

void Rollback::Impl::perform(const HttpAction& action) {
  net::HttpCall call;
  call.method = action.method;
  call.url = action.url;
  call.headers.assign(action.headers.begin(), action.headers.end());
  call.body = action.body;
  call.timeout = actions[present].timeout;
  call.max_body = size_t{1} << 20;
  client.start(std::move(call), [this](const net::HttpOutcome& outcome) {
    if (!outcome) return end(false, outcome.error().error.message(), "");
    end(outcome->status / 100 == 2, fmt::format("HTTP {}", outcome->status), outcome->body.substr(0, kMostShown));
  });
}

void Rollback::Impl::perform(const RolloutAction& action) {
  if (action.action == "undo") return undo(action);
  if (action.action == "promote") return promote(action);
  patch(planned_calls(actions[present])[0]);
}

// Argo Rollouts before 0.10 has no status subresource.
void Rollback::Impl::patch(argo::ApiCall call) {
  run(kubectl_patch(call), [this, call](const ProcessEnd& ended) {
    bool again = !ended.ok && is_no_subresource(ended.output) && call.path.ends_with("/status");
    if (again) return run_last(kubectl_patch(argo::on_main_resource(call)));
    end(ended.ok, ended.result, ended.output);
  });
}

void Rollback::Impl::patch_all(std::vector<argo::ApiCall> calls) {
  argo::ApiCall first = calls.front();
  calls.erase(calls.begin());
  if (calls.empty()) return patch(std::move(first));
  run(kubectl_patch(first), [this, calls = std::move(calls)](const ProcessEnd& ended) {
    if (!ended.ok) return end(false, ended.result, ended.output);
    patch_all(calls);
  });
}

void Rollback::Impl::get(const std::string& resource, const RolloutAction& action,
                         std::function<void(json::Value)> next) {
  bool all = resource == "replicasets.apps";
  run(kubectl_get(resource, all ? "" : action.name, action.namespace_), [this, next](const ProcessEnd& ended) {
    if (!ended.ok) return end(false, ended.result, ended.output);
    auto value = parse_answer(ended.out, "answer");
    if (!value) return end(false, value.error().message(), "");
    next(std::move(*value));
  });
}

void Rollback::Impl::undo(const RolloutAction& action) {
  get("rollouts.argoproj.io", action, [this, action](json::Value rollout) {
    get("replicasets.apps", action, [this, action, rollout = std::move(rollout)](json::Value sets) {
      auto undo = argo::undo_rollout({action.name, action.namespace_}, rollout, sets);
      if (!undo) return end(false, undo.error().message(), "");
      if (!undo->call)
        return end(true, fmt::format("its pod template is that of revision {} already", undo->revision), "");
      data["calls"] = calls_json({*undo->call});
      data["revision"] = undo->revision;
      patch(std::move(*undo->call));
    });
  });
}

void Rollback::Impl::promote(const RolloutAction& action) {
  get("rollouts.argoproj.io", action, [this, action](const json::Value& rollout) {
    auto calls = argo::promote_rollout({action.name, action.namespace_}, rollout);
    if (!calls) return end(false, calls.error().message(), "");
    data["calls"] = calls_json(*calls);
    patch_all(std::move(*calls));
  });
}

Rollback::Rollback(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rollback::~Rollback() = default;

Result<std::unique_ptr<Rollback>> Rollback::create(std::vector<RollbackAction> actions, std::string run_id,
                                                   Callback done) {
  auto impl = std::make_unique<Impl>(std::move(actions), std::move(run_id), std::move(done), TRY(Process::create()),
                                     TRY(net::HttpClient::create()));
  impl->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!impl->epoll) return fail_errno("cannot make the rollback's descriptor");
  for (int fd : {impl->process.descriptor(), impl->client.descriptor()}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    if (::epoll_ctl(impl->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("cannot watch the rollback");
  }
  return std::unique_ptr<Rollback>(new Rollback(std::move(impl)));
}

void Rollback::act(const std::string& why) {
  if (impl_->actions.empty() || impl_->present > 0) return;
  impl_->environment = {"ORDEAL_RUN=" + impl_->run_id, "ORDEAL_BREACH=" + why};
  impl_->begin();
}

int Rollback::descriptor() const { return impl_->epoll.get(); }

void Rollback::dispatch() {
  impl_->process.dispatch();
  impl_->client.dispatch();
}

}  // namespace ordeal::rollback
