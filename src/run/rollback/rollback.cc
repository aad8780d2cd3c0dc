#include "run/rollback/rollback.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <optional>

#include "core/base/duration.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/unique_fd.h"
#include "platform/net/http_client.h"
#include "platform/sys/process/child_runner.h"
#include "run/rollback/kubectl.h"

namespace ordeal::rollback {
namespace {

std::vector<json::Value> calls_json(const std::vector<argo::ApiCall>& calls) {
  std::vector<json::Value> all;
  for (const argo::ApiCall& call : calls) all.push_back(argo::to_json(call));
  return all;
}

events::Action planned(const RollbackAction& action) {
  events::Action planned;
  planned.kind = kind_of(action);
  planned.action = to_text(action);
  if (const auto* command = std::get_if<CommandAction>(&action.what)) planned.command = command->argv;
  if (std::holds_alternative<HttpAction>(action.what)) planned.request = to_json(action).at("http");
  planned.calls = calls_json(planned_calls(action));
  return planned;
}

constexpr size_t kMostShown = 4096;

bool is_json(const std::string& text) {
  auto value = json::parse(text);
  return value && (value->is_object() || value->is_array());
}

// A body that is JSON says so, unless the file says what it is.
net::Headers headers_of(const HttpAction& action) {
  net::Headers headers(action.headers.begin(), action.headers.end());
  if (is_json(action.body) && !net::find_header(headers, "Content-Type"))
    headers.emplace_back("Content-Type", "application/json");
  return headers;
}

// The message itself begins with the whole URL, which may hold a token.
std::string why_failed(const net::HttpFailure& failure) {
  return failure.error.cause ? failure.error.cause->message() : "the request failed";
}

}  // namespace

json::Object describe(const RollbackAction& action) {
  json::Object data = events::to_json(planned(action));
  for (const char* done : {"index", "ok", "result", "output", "took_ms"}) data.stable_erase(done);
  return data;
}

struct Rollback::Impl {
  Impl(std::vector<RollbackAction> list, std::string run, Callback callback, sys::ChildRunner runner,
       net::HttpClient http)
      : actions(std::move(list)),
        run_id(std::move(run)),
        done(std::move(callback)),
        programs(std::move(runner)),
        client(std::move(http)) {}

  using Next = sys::ChildRunner::Callback;

  std::vector<RollbackAction> actions;
  std::string run_id;
  Callback done;
  sys::ChildRunner programs;
  net::HttpClient client;
  UniqueFd epoll;
  std::vector<std::string> environment;
  bool begun = false;
  size_t present = 0;
  BootTime began;
  events::Action told;  // of the present action

  void begin();
  void end(bool ok, std::string result, std::string output);
  void end(const sys::ChildResult& ended) { end(succeeded(ended), result_of(ended), ended.output); }
  void run(const Argv& argv, Next next);
  void run_last(const Argv& argv);
  void patch_or(const argo::ApiCall& status, const argo::ApiCall& without_subresource, const Next& next);
  void get(const Argv& argv, std::function<void(json::Value)> next);
  void show(const std::vector<argo::ApiCall>& calls) { told.calls = calls_json(calls); }

  void perform(const CommandAction& action) { run_last(action.argv); }
  void perform(const HttpAction& action);
  void perform(const RolloutAction& action);
  void perform(const DeploymentAction& action) { run_last(kubectl_undo_deployment(action)); }
  void abort(const argo::ApiCall& call);
  void end_abort(const sys::ChildResult& ended);
  void undo(const RolloutAction& action);
  void undo(const RolloutAction& action, const json::Value& rollout, const json::Value& sets);
  void promote(const RolloutAction& action);
  void promote(const argo::Promotion& promotion);
};

void Rollback::Impl::begin() {
  const RollbackAction& action = actions[present];
  began = boot_now();
  told = planned(action);
  told.index = present;
  std::visit([this](const auto& what) { perform(what); }, action.what);
}

void Rollback::Impl::end(bool ok, std::string result, std::string output) {
  output.resize(std::min(output.size(), kMostShown));
  told.ok = ok;
  told.result = std::move(result);
  told.output = std::move(output);
  told.took = boot_now() - began;
  bool last = ++present >= actions.size();
  done({std::move(told), last});
  if (!last) begin();
}

// What is left of the action's time goes to each of its programs.
void Rollback::Impl::run(const Argv& argv, Next next) {
  sys::Command command{argv, std::max<Nanos>(actions[present].timeout - (boot_now() - began), 1ms), environment};
  command.most_out = kMostAnswer;
  command.outlives_us = true;
  auto started = programs.start(command, std::move(next));
  if (!started) end(false, started.error().message(), "");
}

void Rollback::Impl::run_last(const Argv& argv) {
  run(argv, [this](const sys::ChildResult& ended) { end(ended); });
}

void Rollback::Impl::perform(const HttpAction& action) {
  net::HttpCall call;
  call.method = action.method;
  call.url = action.url;
  call.headers = headers_of(action);
  call.body = action.body;
  call.timeout = actions[present].timeout;
  call.max_body = size_t{1} << 20;
  client.start(std::move(call), [this](const net::HttpOutcome& outcome) {
    if (!outcome) return end(false, why_failed(outcome.error()), "");
    end(outcome->status / 100 == 2, fmt::format("HTTP {}", outcome->status), outcome->body);
  });
}

void Rollback::Impl::perform(const RolloutAction& action) {
  if (action.action == "undo") return undo(action);
  if (action.action.starts_with("promote")) return promote(action);
  argo::ApiCall call = planned_calls(actions[present])[0];
  if (action.action == "abort") return abort(call);
  patch_or(call, argo::on_main_resource(call), [this](const sys::ChildResult& ended) { end(ended); });
}

// Argo Rollouts before 0.10 has no status subresource.
void Rollback::Impl::patch_or(const argo::ApiCall& status, const argo::ApiCall& without_subresource, const Next& next) {
  run(kubectl_patch(status), [this, without_subresource, next](const sys::ChildResult& ended) {
    if (succeeded(ended) || !is_no_subresource(ended.output)) return next(ended);
    show({without_subresource});
    run_last(kubectl_patch(without_subresource));
  });
}

// The one patch comes first, since it must be fast; what it answers says whether there was anything to abort.
void Rollback::Impl::abort(const argo::ApiCall& call) {
  run(kubectl_abort(call), [this, call](const sys::ChildResult& ended) {
    if (succeeded(ended) || !is_no_subresource(ended.output)) return end_abort(ended);
    argo::ApiCall main = argo::on_main_resource(call);
    show({main});
    run(kubectl_abort(main), [this](const sys::ChildResult& again) { end_abort(again); });
  });
}

void Rollback::Impl::end_abort(const sys::ChildResult& ended) {
  if (succeeded(ended) && is_nothing_to_abort(ended.out))
    return end(false, "nothing to abort: the Rollout is fully promoted", ended.output);
  end(ended);
}

void Rollback::Impl::get(const Argv& argv, std::function<void(json::Value)> next) {
  run(argv, [this, next = std::move(next)](const sys::ChildResult& ended) {
    if (!succeeded(ended)) return end(ended);
    auto value = answer_of(ended);
    if (!value) return end(false, value.error().message(), "");
    next(std::move(*value));
  });
}

void Rollback::Impl::undo(const RolloutAction& action) {
  get(kubectl_get("rollouts.argoproj.io", action.name, action.namespace_), [this, action](const json::Value& rollout) {
    get(kubectl_replica_sets(argo::selector_of(rollout), action.namespace_),
        [this, action, rollout](const json::Value& sets) { undo(action, rollout, sets); });
  });
}

void Rollback::Impl::undo(const RolloutAction& action, const json::Value& rollout, const json::Value& sets) {
  auto undo = argo::undo_rollout({action.name, action.namespace_}, rollout, sets);
  if (!undo) return end(false, undo.error().message(), "");
  if (!undo->call) return end(true, fmt::format("its pod template is that of revision {} already", undo->revision), "");
  show({*undo->call});
  told.revision = undo->revision;
  run_last(kubectl_patch(*undo->call));
}

void Rollback::Impl::promote(const RolloutAction& action) {
  get(kubectl_get("rollouts.argoproj.io", action.name, action.namespace_), [this, action](const json::Value& rollout) {
    bool fully = action.action == "promote-full";
    auto promotion = argo::promote_rollout({action.name, action.namespace_}, rollout, fully);
    if (!promotion) return end(false, promotion.error().message(), "");
    promote(*promotion);
  });
}

void Rollback::Impl::promote(const argo::Promotion& promotion) {
  std::vector<argo::ApiCall> calls;
  for (const auto& call : {promotion.status, promotion.spec})
    if (call) calls.push_back(*call);
  show(calls);
  if (!promotion.status) return run_last(kubectl_patch(*promotion.spec));
  patch_or(*promotion.status, promotion.unified, [this, spec = promotion.spec](const sys::ChildResult& ended) {
    if (!spec || !succeeded(ended)) return end(ended);
    run_last(kubectl_patch(*spec));
  });
}

Rollback::Rollback(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Rollback::~Rollback() = default;

Result<std::unique_ptr<Rollback>> Rollback::create(std::vector<RollbackAction> actions, std::string run_id,
                                                   Callback done, bool only_outward) {
  auto impl = std::make_unique<Impl>(std::move(actions), std::move(run_id), std::move(done),
                                     TRY(sys::ChildRunner::create()), TRY(net::HttpClient::create()));
  if (only_outward) impl->client.only_outward();
  impl->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!impl->epoll) return fail_errno("cannot make the rollback's descriptor");
  for (int fd : {impl->programs.descriptor(), impl->client.descriptor()}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    if (::epoll_ctl(impl->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("cannot watch the rollback");
  }
  return std::unique_ptr<Rollback>(new Rollback(std::move(impl)));
}

void Rollback::act(const std::string& why) {
  failpoint("engine.before_action");
  if (impl_->actions.empty() || std::exchange(impl_->begun, true)) return;
  impl_->environment = {"ORDEAL_RUN=" + impl_->run_id, "ORDEAL_BREACH=" + why};
  impl_->begin();
}

int Rollback::descriptor() const { return impl_->epoll.get(); }

void Rollback::dispatch() {
  impl_->programs.dispatch();
  impl_->client.dispatch();
}

}  // namespace ordeal::rollback
