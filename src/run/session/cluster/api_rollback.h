// ApiRollback: the actions of an experiment's `rollback` in a cluster, in their order, each within its time limit, sent
// to the API itself (interop/argo/effect/patches.h): abort, retry, promote and undo of a Rollout, undo of a Deployment;
// `http` as on a host. Programs are not run: the controller has none, and who may write an Experiment may not run them.
// What is asked of the API is answered from inside the host's dispatch.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/input/rollback.h"
#include "core/model/seams.h"
#include "interop/argo/effect/patches.h"
#include "run/rollback/rollback.h"
#include "run/session/cluster/outbox.h"

namespace ordeal::session {

class ApiRollback : public Actuator {
 public:
  using Callback = rollback::Rollback::Callback;

  ApiRollback(std::vector<RollbackAction> actions, std::string run_id, Send send, Now now, Callback done);
  ~ApiRollback() override;

  void act(const std::string& why) override;
  void dispatch();
  BootTime next_wake() const;

 private:
  using Body = std::function<void(json::Value)>;
  void begin();
  void end(bool ok, std::string result);
  void ask(kube::Request request, std::function<void(kube::Answer<json::Value>)> next);
  void get(kube::Request request, Body next);
  void patch(const argo::ApiCall& call, std::function<void(const json::Value&)> next);
  void patch_or(const argo::ApiCall& status, const argo::ApiCall& main, std::function<void(const json::Value&)> next);
  void finish(const argo::ApiCall& call);
  void show(const std::vector<argo::ApiCall>& calls);
  void perform(const CommandAction& action);
  void perform(const HttpAction& action);
  void perform(const RolloutAction& action);
  void perform(const DeploymentAction& action);
  using UndoOf = Result<argo::Undo> (*)(const argo::ObjectRef&, const json::Value&, const json::Value&);
  void undo(const kube::Resource& resource, const argo::ObjectRef& object, UndoOf undo_of);
  void promote(const RolloutAction& action);

  std::vector<RollbackAction> actions_;
  std::string run_id_;
  Send send_;
  Now now_;
  Callback done_;
  bool begun_ = false;
  size_t present_ = 0;
  BootTime began_{};
  std::string why_;
  events::Action told_;
  std::unique_ptr<rollback::Rollback> http_;
  std::optional<rollback::ActionDone> http_done_;
  std::shared_ptr<ApiRollback*> self_;
};

// What must be allowed and there so that the actions can be sent, as questions to the API: for each call whether we may
// patch, and for each object whether it is there.
struct RollbackQuestion {
  kube::Request request;
  std::string about;    // "abort the Rollout api in shop"
  bool access = false;  // a SelfSubjectAccessReview: status.allowed decides
};
std::vector<RollbackQuestion> rollback_questions(const std::vector<RollbackAction>& actions);
// Of its answer; kRefused says which action could not be sent, and why.
Result<> judge_answer(const RollbackQuestion& question, const kube::Answer<json::Value>& answer);

}  // namespace ordeal::session
