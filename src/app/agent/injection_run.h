// InjectionRun: one Injection on this node, carried out: a Course, and the hands that do what it says. The guard acts,
// never this process. Poll descriptor() until next_wake(), then dispatch(), which waits for nothing; the client is
// dispatched by its owner. Destroying one that is not finished ends its impacts.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/agent/course/course.h"
#include "app/agent/injection_writer.h"
#include "app/agent/node/node_view.h"
#include "app/agent/own_files.h"
#include "core/base/io/unique_fd.h"
#include "fault/guard/lost_guard.h"
#include "fault/packets/exemption.h"
#include "platform/host/paths.h"
#include "run/session/local/background.h"

namespace ordeal::agent {

// What the runs of an agent share.
struct AgentParts {
  kube::Client& client;
  NodeIdentity identity;
  host::Paths paths;
  std::string state_dir;                       // as given, "" for the default
  std::string agent;                           // for the status: pod and boot
  std::vector<packets::Exemption> exemptions;  // of attacks on the node itself
  std::function<void(const std::string&)> say;
};

// As for every failed revert: this host's latch, with what is left.
void engage_latch(const AgentParts& parts, const std::string& run, const std::string& why);

class InjectionRun {
 public:
  // `parts` outlives it. `guard_run` is the guard's on this host: the run's own, or a joiner's.
  static Result<std::unique_ptr<InjectionRun>> create(const AgentParts& parts, cluster::Injection injection,
                                                      const std::string& guard_run);
  ~InjectionRun();

  int descriptor() const { return epoll_.get(); }
  BootTime next_wake() const;
  void dispatch();

  void saw_halt(const std::optional<cluster::Halt>& halt);
  void stop(const std::string& by, const std::string& why);
  // Nothing is in force any more, whether or not the API server knows.
  bool at_rest() const { return course_.at_rest(); }
  bool finished() const { return course_.finished(); }
  const std::string& guard_run() const { return guard_run_; }

 private:
  InjectionRun(const AgentParts& parts, cluster::Injection injection, std::string guard_run);
  void happens(Happened what) { inbox_.push_back(std::move(what)); }
  void carry_out(const ToDos& todos);
  void carry_out(const todo::ReadExperiment& what);
  void carry_out(const todo::ReadHalt& what);
  void carry_out(const todo::FindVictims& what);
  void carry_out(const todo::LookAgain& what);
  void carry_out(const todo::StartGuard& what);
  void carry_out(const todo::Check& what);
  void carry_out(const todo::Inject& what);
  void carry_out(const todo::Renew& what);
  void carry_out(const todo::RevertAll& what);
  void carry_out(const todo::EndGuard& what);
  void carry_out(const todo::WriteStatus& what);
  void carry_out(const todo::Release& what);
  void carry_out(const todo::EngageLatch& what);

  void experiment_answered(kube::Answer<json::Value> answer, BootTime asked);
  void watch_experiment(const std::string& version);
  void halt_answered(kube::Answer<json::Value> answer);
  void look_at_node();
  void judge_now();
  Result<FoundVictims> victims_in(const Result<NodeView>& view) const;
  void begin_with(const Result<NodeView>& view);
  void go_on_with(const Result<NodeView>& view);
  Result<> may_begin() const;
  Result<> start_guard();
  Result<> guard_step_done();
  void await_start(std::function<Result<>()> step);
  void collect_start();
  Result<> write_policy(const std::string& text);
  void collect_background();
  void collect_guard();
  void lose_guard(const guard::GuardEvent& event);
  void poll(int fd, bool wanted) const;
  bool guard_obeys() const { return !starting_ && guard_ && !guard_over_ && !recovery_ && !ending_; }
  std::string policy_file() const { return agent::policy_file(parts_.paths, injection_.uid); }

  const AgentParts& parts_;
  cluster::Injection injection_;
  std::string guard_run_;
  Course course_;
  Nanos may_report_within_;
  InjectionWriter writer_;
  UniqueFd epoll_;
  std::deque<Happened> inbox_;
  bool started_ = false;

  std::optional<kube::Ticket> reading_experiment_, reading_halt_, watch_;
  BootTime halt_again_ = BootTime::max();
  std::unique_ptr<NodeReader> reader_;
  BootTime looked_at_{};  // when it was sent
  std::optional<Result<NodeView>> view_;
  std::string inventory_;
  std::vector<packets::Exemption> exemptions_;  // of the node's network: the API server, and what the kubelet lives by
  std::string policy_;

  guard::GuardStart start_;
  std::optional<guard::GuardClient> guard_;                // of starting_ while there is one
  std::optional<session::Background<Result<>>> starting_;  // the guard, then its standby
  bool standby_begun_ = false;
  bool guard_over_ = false;  // it has said its last word, or is lost
  bool standby_lost_ = false;
  std::optional<session::Background<guard::LostGuard>> recovery_;
  std::optional<session::Background<Result<ExitCode>>> ending_;
};

}  // namespace ordeal::agent
