// ClusterWorld: a cluster as a session acts on it. What the engine asks in one dispatch becomes one Injection per node;
// what their statuses say becomes the engine's events. It writes nothing but Injections: the renewal, which agents read
// on the Experiment, is written by whoever hosts the run (renewal(), renewal_written()), so that it is one write with
// the rest of the status.
// Rule for the host: call saw() and lost() for each Injection of the run, flush() after each dispatch of the engine,
// and dispatch() by next_wake(). Nothing blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "run/engine/session.h"
#include "run/session/cluster/injections.h"
#include "run/session/cluster/kept.h"
#include "run/session/cluster/outbox.h"
#include "run/session/cluster/returns.h"

namespace ordeal::session {

// What is known of the cluster now, kept by the host.
struct ClusterNow {
  const Kept<cluster::Pod>& pods;    // by uid
  const Kept<cluster::Node>& nodes;  // by name
  // Whether an agent serves the node, and whether what agents write is heard now; not set: yes.
  std::function<bool(const std::string& node)> agent_ready{};
  std::function<bool()> hearing{};
};

// One victim, as the cluster knows it.
struct ClusterTarget {
  cluster::ClusterVictim victim;
  std::string node;
};

struct ClusterRun {
  std::string run;
  std::string namespace_, experiment, experiment_uid;
  Nanos lease = cluster::kClusterLease;
  int64_t candidates = 1;
  bool one_way = false;
};

class ClusterWorld : public Injector, public RecoveryWatcher {
 public:
  ClusterWorld(ClusterRun run, std::vector<ClusterTarget> targets, ClusterNow now, Send send, Now clock);

  engine::Inbox& inbox() { return inbox_; }

  void check(int impact, const Victim& victim, const Attack& attack) override;
  void inject(int impact, const Victim& victim, const Attack& attack) override;
  void renew() override;
  void revert_all(const std::string& why) override;
  void look_for_return(int impact, BootTime since) override;

  // One more, which the engine is told of: its impact is the next free number.
  void join(Victim victim, ClusterTarget target);

  // Sends what was asked since the last call.
  void flush();
  void saw(const cluster::Injection& injection);
  void lost(const std::string& injection);

  // As it is to be written, with `halt` by the host; the sooner the better while urgent().
  const cluster::Renewal& renewal() const { return renewal_; }
  bool urgent() const { return urgent_; }
  // Begins to be written; the server has it.
  void renewal_sent(const cluster::Renewal& sent);
  void renewal_written(const cluster::Renewal& written);

  // Nothing is in force and nothing will be: every Injection is reverted, or its lease is over. Ends what is left when
  // it is asked for after revert_all().
  bool settled() const;
  const Injections& injections() const { return injections_; }

  BootTime next_wake() const;
  void dispatch();

 private:
  std::optional<Error> unfit(const ClusterTarget& target) const;
  void plan(int impact, const Attack& attack);
  void create(cluster::Injection injection);
  void created(const std::string& name, kube::Answer<json::Value> answer);
  void give_up_silent(BootTime now);
  void give_up(NodeInjection& injection, const std::string& why);
  void end_what_is_due(BootTime now);
  void take_finalizer(const cluster::Injection& injection);
  BootTime over_by() const;
  void tell(Injections::Events events);

  ClusterRun run_;
  std::vector<ClusterTarget> targets_;  // by impact
  ClusterNow cluster_;
  Now clock_;
  Outbox outbox_;
  Injections injections_;
  Returns returns_;
  engine::Inbox inbox_;
  cluster::Renewal renewal_;
  bool urgent_ = false;
  std::map<std::string, cluster::Injection> planned_;  // by node, of this dispatch
  std::map<std::string, int> made_;                    // how many, by node
  std::optional<BootTime> went_;                       // the word was given
  BootTime counted_{};                                 // the count grew
  BootTime renewed_{};                                 // such a count was begun to be written, or asked for
  int64_t written_count_ = 0;
  std::optional<BootTime> stop_written_;
  Nanos agents_may_take_{0};  // to tell the end, so that not all do at once
  BootTime dispatched_{};
  bool stopping_ = false;
  bool told_nothing_in_force_ = false;
};

}  // namespace ordeal::session
