// Takeover: the end of a run whose controller is gone. It is not gone on with: `stop` is written, the agents are waited
// for, and what a lost node leaves is taken away once its lease is over. The verdict is halted, Held is unknown.
#pragma once

#include <map>
#include <string>

#include "app/controller/hosting/ports.h"
#include "app/controller/seeing/cluster_stores.h"
#include "app/controller/writing/announcer.h"
#include "app/controller/writing/status_writer.h"

namespace ordeal::controller {

class Takeover {
 public:
  Takeover(const Ports& ports, const ClusterStores& stores, Announcer& announcer, cluster::ExperimentObject object);
  Takeover(const Takeover&) = delete;
  Takeover& operator=(const Takeover&) = delete;

  const std::string& run() const { return object_.status.run; }
  // Its victims, as its Injections name them; before those are known as many of its own namespace.
  void add_to(target::ClusterLoad& load) const;
  bool done() const { return done_; }
  // Another changed the Experiment meanwhile: it is to be judged anew.
  bool again() const { return again_; }

  // An agent says that something could not be reverted.
  bool revert_failed() const { return failed_; }

  void saw(const cluster::Injection& injection);
  // After its last state. Whose agent never said that it is reverted is waited for, and named.
  void lost(const std::string& injection);
  void deleted() { deleted_ = true; }

  BootTime next_wake() const;
  void dispatch();

 private:
  void claim();
  void claimed(const kube::Answer<json::Value>& answer);
  void list();
  bool waits_for(const cluster::Injection& injection) const;
  void wait_for_agents();
  void close_record();
  void write_closing_part(const json::Array& config_maps);
  void end();
  Verdict verdict() const;

  enum class Step { kClaiming, kListing, kWaiting, kRecording, kEnding };
  const Ports& ports_;
  const ClusterStores& stores_;
  Announcer& announcer_;
  cluster::ExperimentObject object_;
  session::Outbox outbox_;
  StatusWriter writer_;
  Step step_ = Step::kClaiming;
  bool asked_ = false, listed_ = false;
  BootTime claimed_at_{}, looked_{};
  std::map<std::string, cluster::Injection> injections_;  // by name, of this run
  std::vector<std::string> silent_;                       // nodes
  bool failed_ = false;                                   // an agent says that a revert failed
  bool deleted_ = false, done_ = false, again_ = false;
};

}  // namespace ordeal::controller
