// Run: one run of an Experiment that was admitted, as its controller hosts it: the session, its renewals and status,
// its record and Events. It is done when everything is reverted (or waited for), said in the status and recorded, or
// when another controller has it.
#pragma once

#include <memory>
#include <string>

#include "app/controller/hosting/admission.h"
#include "app/controller/hosting/ports.h"
#include "app/controller/seeing/cluster_stores.h"
#include "app/controller/writing/announcer.h"
#include "app/controller/writing/record_keeper.h"
#include "app/controller/writing/status_writer.h"

namespace ordeal::controller {

class Run {
 public:
  Run(const Ports& ports, const ClusterStores& stores, Announcer& announcer, cluster::ExperimentObject object,
      Admitted admitted, std::function<target::ClusterLoad()> others);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const std::string& id() const { return status_.run; }
  // With the victims that were taken in later.
  const std::vector<session::ClusterTarget>& targets() const { return targets_; }
  bool done() const { return done_; }
  int descriptor() const { return session_ ? session_->descriptor() : -1; }

  void saw(const cluster::Injection& injection);
  void lost(const std::string& injection);
  // The Experiment as it is now: an annotation may ask for a halt.
  void changed(const cluster::ExperimentObject& object);
  // It is not there any more, or being deleted.
  void deleted();
  void halt(const std::string& by, const std::string& why);
  // Somebody else has it.
  bool taken() const { return taken_; }
  // An agent says that something could not be reverted.
  bool revert_failed() const { return session_ && session_->world().injections().revert_failed(); }

  BootTime next_wake() const;
  void dispatch();

 private:
  void take(const RunEvent& event);
  void on(const events::PhaseBegun& begun);
  void on(const events::Look& look);
  void on(const events::Breach& breach);
  void on(const events::Halt& halt);
  void on(const events::Ended& ended);
  void on(const auto&) {}
  void begin(const watch::SourceLogin& login);
  void heed_policy();
  void guard_floor();
  void follow(const cluster::View& view);
  void write_status();
  void judge_reverts();
  void end();
  void written(const cluster::ExperimentStatus& status);
  void gone(const std::string& why);

  const Ports& ports_;
  const ClusterStores& stores_;
  Announcer& announcer_;
  cluster::ExperimentObject object_;
  session::ClusterPrepared prepared_;
  std::function<target::ClusterLoad()> others_;  // what other runs hit
  std::vector<session::ClusterTarget> targets_;
  target::Following following_;
  cluster::ExperimentStatus status_;
  StatusWriter writer_;
  RecordKeeper record_;
  std::unique_ptr<session::ClusterSession> session_;
  std::optional<Verdict> verdict_;
  std::optional<RunEvent> ended_event_;             // the last one; recorded once the reverts are judged
  std::optional<std::vector<std::string>> silent_;  // nodes that have not confirmed, once that is judged
  bool hit_ = false, injected_ = false;             // one victim; as many as have to be
  bool halting_ = false;
  bool deleted_ = false;
  bool ended_ = false;  // the last status is wanted
  bool done_ = false, taken_ = false;
  std::optional<std::string> policy_;  // that counts now, once it was heeded
  bool heeded_ = false;
  uint64_t pods_judged_ = 0;
  BootTime judged_at_{}, dispatched_{};
};

}  // namespace ordeal::controller
