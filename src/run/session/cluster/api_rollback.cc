#include "run/session/cluster/api_rollback.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "run/rollback/kubectl.h"

namespace ordeal::session {
namespace {

constexpr Nanos kHttpLookEvery = 50ms;
constexpr const char* kWithout = "or run it without a rollback (an empty `rollback` list)";

kube::Request request_of(const argo::ApiCall& call) {
  kube::Request request;
  request.method = call.method;
  request.path = call.path;
  request.body = json::write(call.body);
  request.type = call.content_type;
  return request;
}

kube::Request replica_sets(const argo::ObjectRef& object, const json::Value& present) {
  kube::Request request = kube::get(kube::kReplicaSets, {object.namespace_, ""});
  if (std::string selector = argo::selector_of(present); !selector.empty())
    request.query.emplace_back("labelSelector", selector);
  return request;
}

// Argo Rollouts before 0.10 has no status subresource; a Rollout that is not there is another 404.
bool is_no_subresource(const kube::ApiFailure& failure) {
  return failure.kind == kube::ApiFailure::Kind::kNotFound && failure.no_such_resource;
}

std::vector<json::Value> calls_json(const std::vector<argo::ApiCall>& calls) {
  std::vector<json::Value> all;
  for (const argo::ApiCall& call : calls) all.push_back(argo::to_json(call));
  return all;
}

}  // namespace

ApiRollback::ApiRollback(std::vector<RollbackAction> actions, std::string run_id, Send send, Now now, Callback done)
    : actions_(std::move(actions)),
      run_id_(std::move(run_id)),
      send_(std::move(send)),
      now_(std::move(now)),
      done_(std::move(done)),
      self_(std::make_shared<ApiRollback*>(this)) {}

ApiRollback::~ApiRollback() = default;

void ApiRollback::act(const std::string& why) {
  if (actions_.empty() || std::exchange(begun_, true)) return;
  why_ = why;
  begin();
}

void ApiRollback::begin() {
  const RollbackAction& action = actions_[present_];
  began_ = now_();
  told_ = events::Action();
  told_.index = present_;
  told_.kind = kind_of(action);
  told_.action = to_text(action);
  show(rollback::planned_calls(action));
  std::visit([this](const auto& what) { perform(what); }, action.what);
}

void ApiRollback::end(bool ok, std::string result) {
  told_.ok = ok;
  told_.result = std::move(result);
  told_.took = now_() - began_;
  bool last = ++present_ >= actions_.size();
  std::weak_ptr<ApiRollback*> self = self_;
  done_({std::move(told_), last});
  if (!last && !self.expired()) begin();
}

void ApiRollback::show(const std::vector<argo::ApiCall>& calls) { told_.calls = calls_json(calls); }

// What is left of the action's time goes to each of its requests.
void ApiRollback::ask(kube::Request request, std::function<void(kube::Answer<json::Value>)> next) {
  request.timeout = std::max<Nanos>(actions_[present_].timeout - (now_() - began_), 1ms);
  std::weak_ptr<ApiRollback*> self = self_;
  send_(std::move(request), [self, next = std::move(next)](kube::Answer<json::Value> answer) {
    if (!self.expired()) next(std::move(answer));
  });
}

void ApiRollback::get(kube::Request request, Body next) {
  ask(request, [this, path = request.path, next = std::move(next)](kube::Answer<json::Value> answer) {
    if (!answer) return end(false, answer.error().error("GET " + path).message());
    next(std::move(*answer));
  });
}

void ApiRollback::patch(const argo::ApiCall& call, std::function<void(const json::Value&)> next) {
  ask(request_of(call), [this, path = call.path, next = std::move(next)](const kube::Answer<json::Value>& answer) {
    if (!answer) return end(false, answer.error().error("PATCH " + path).message());
    next(*answer);
  });
}

void ApiRollback::patch_or(const argo::ApiCall& status, const argo::ApiCall& main,
                           std::function<void(const json::Value&)> next) {
  ask(request_of(status), [this, path = status.path, main, next = std::move(next)](kube::Answer<json::Value> answer) {
    if (answer) return next(*answer);
    if (!is_no_subresource(answer.error())) return end(false, answer.error().error("PATCH " + path).message());
    show({main});
    patch(main, next);
  });
}

void ApiRollback::finish(const argo::ApiCall& call) {
  patch(call, [this](const json::Value&) { end(true, "done"); });
}

void ApiRollback::perform(const CommandAction&) { end(false, "programs are not run in a cluster"); }

void ApiRollback::perform(const HttpAction&) {
  std::vector<RollbackAction> one{actions_[present_]};
  http_done_.reset();
  auto http = rollback::Rollback::create(
      std::move(one), run_id_, [this](rollback::ActionDone done) { http_done_ = std::move(done); }, true);
  if (!http) return end(false, http.error().message());
  http_ = std::move(*http);
  http_->act(why_);
}

void ApiRollback::dispatch() {
  if (!http_) return;
  http_->dispatch();
  if (!http_done_) return;
  told_.output = std::move(http_done_->action.output);
  bool ok = http_done_->action.ok;
  std::string result = std::move(http_done_->action.result);
  http_.reset();
  end(ok, std::move(result));
}

BootTime ApiRollback::next_wake() const { return http_ ? now_() + kHttpLookEvery : BootTime::max(); }

void ApiRollback::perform(const RolloutAction& action) {
  if (action.action == "undo") return undo(kube::kRollouts, {action.name, action.namespace_}, argo::undo_rollout);
  if (action.action.starts_with("promote")) return promote(action);
  argo::ApiCall call = rollback::planned_calls(actions_[present_])[0];
  patch_or(call, argo::on_main_resource(call), [this, abort = action.action == "abort"](const json::Value& rollout) {
    bool nothing = abort && argo::is_fully_promoted(rollout);
    end(!nothing, nothing ? "nothing to abort: the Rollout is fully promoted" : "done");
  });
}

void ApiRollback::perform(const DeploymentAction& action) {
  undo(kube::kDeployments, {action.name, action.namespace_}, argo::undo_deployment);
}

void ApiRollback::undo(const kube::Resource& resource, const argo::ObjectRef& object, UndoOf undo_of) {
  get(kube::get(resource, {object.namespace_, object.name}), [this, object, undo_of](const json::Value& present) {
    get(replica_sets(object, present), [this, object, undo_of, present](const json::Value& sets) {
      auto undo = undo_of(object, present, sets);
      if (!undo) return end(false, undo.error().message());
      told_.revision = undo->revision;
      if (!undo->call) return end(true, fmt::format("its pod template is that of revision {} already", undo->revision));
      show({*undo->call});
      finish(*undo->call);
    });
  });
}

void ApiRollback::promote(const RolloutAction& action) {
  get(kube::get(kube::kRollouts, {action.namespace_, action.name}), [this, action](const json::Value& rollout) {
    auto promotion = argo::promote_rollout({action.name, action.namespace_}, rollout, action.action == "promote-full");
    if (!promotion) return end(false, promotion.error().message());
    if (!promotion->status) {
      show({*promotion->spec});
      return finish(*promotion->spec);
    }
    show({*promotion->status});
    patch_or(*promotion->status, promotion->unified, [this, spec = promotion->spec](const json::Value&) {
      if (!spec) return end(true, "done");
      finish(*spec);
    });
  });
}

namespace {

// /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE/NAME[/SUBRESOURCE]
json::Value access_review(const argo::ApiCall& call) {
  std::vector<std::string_view> parts = split_words(call.path, "/");
  json::Object attributes{{"verb", "patch"},          {"group", parts.at(1)},    {"version", parts.at(2)},
                          {"namespace", parts.at(4)}, {"resource", parts.at(5)}, {"name", parts.at(6)}};
  if (parts.size() > 7) attributes["subresource"] = parts[7];
  return json::Object{{"apiVersion", "authorization.k8s.io/v1"},
                      {"kind", "SelfSubjectAccessReview"},
                      {"spec", json::Object{{"resourceAttributes", std::move(attributes)}}}};
}

std::optional<kube::Request> object_of(const RollbackAction& action) {
  if (const auto* rollout = std::get_if<RolloutAction>(&action.what))
    return kube::get(kube::kRollouts, {rollout->namespace_, rollout->name});
  if (const auto* deployment = std::get_if<DeploymentAction>(&action.what))
    return kube::get(kube::kDeployments, {deployment->namespace_, deployment->name});
  return std::nullopt;
}

Unexpected refuse(const std::string& about, const std::string& why, const std::string& hint) {
  return fail(Errc::kRefused, fmt::format("the rollback could not {}: {}", about, why),
              fmt::format("{}, {}", hint, kWithout));
}

}  // namespace

std::vector<RollbackQuestion> rollback_questions(const std::vector<RollbackAction>& actions) {
  std::vector<RollbackQuestion> all;
  for (const RollbackAction& action : actions) {
    for (const argo::ApiCall& call : rollback::planned_calls(action))
      all.push_back({kube::create(kube::kAccessReviews, {}, access_review(call)), to_text(action), true});
    if (auto object = object_of(action)) all.push_back({std::move(*object), to_text(action), false});
  }
  return all;
}

Result<> judge_answer(const RollbackQuestion& question, const kube::Answer<json::Value>& answer) {
  if (!answer)
    return refuse(question.about, answer.error().error(question.request.path).message(),
                  "make sure that the object exists");
  if (!question.access) return {};
  const json::Object* object = answer->if_object();
  const json::Value* status = object ? object->if_contains("status") : nullptr;
  const json::Value* allowed = status && status->is_object() ? status->get_object().if_contains("allowed") : nullptr;
  if (allowed && allowed->is_bool() && allowed->get_bool()) return {};
  return refuse(question.about, "the controller's account may not patch it",
                "grant it the permission (the chart's value rollback.enabled)");
}

}  // namespace ordeal::session
