// Controller: every Experiment that its watches tell of, from its creation to its end, many runs on one thread. It acts
// only while it leads; whoever leads next ends what it left. Nothing blocks: poll descriptor() until next_wake(), then
// dispatch().
// It also takes the finalisers of Injections away that nobody finishes: of runs that are over, or gone; and deletes
// what is reverted of them. What could not be reverted stays, for a person.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "app/controller/hosting/admission.h"
#include "app/controller/hosting/latch.h"
#include "app/controller/hosting/ports.h"
#include "app/controller/hosting/run.h"
#include "app/controller/hosting/takeover.h"
#include "app/controller/seeing/cluster_stores.h"
#include "app/controller/writing/announcer.h"
#include "app/controller/writing/record_aging.h"
#include "core/base/io/unique_fd.h"

namespace ordeal::controller {

class Controller {
 public:
  Controller(Ports ports, ClusterStores& stores);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // From a kube::Mirror each.
  void put_experiment(json::Value&& object);
  void remove_experiment(const json::Value& object);
  void relist_experiments() { experiments_.relist(); }
  void experiments_synced();
  void put_injection(const json::Value& object);
  void remove_injection(const json::Value& object);
  void relist_injections() { injections_.relist(); }
  void injections_synced();

  // Whoever stops leading forgets all runs: they are another's.
  void lead(bool leads);
  // Every run is ended in good order, and none begins; then idle().
  void stop(const std::string& why);
  bool idle() const { return cases_.empty() && !latch_.pending(); }
  size_t active() const { return cases_.size(); }

  int descriptor() const { return epoll_.get(); }
  BootTime next_wake() const;
  void dispatch();

 private:
  // An Experiment that is worked on: one of the three.
  struct Case {
    Ports ports;  // each answer touches it
    std::unique_ptr<Admission> admission;
    std::unique_ptr<Run> run;
    std::unique_ptr<Takeover> takeover;
    std::shared_ptr<bool> touched = std::make_shared<bool>(true);
    int descriptor = -1;

    BootTime next_wake() const;
    void dispatch();
    std::string run_id() const;
    bool revert_failed() const;
    void add_to(target::ClusterLoad& load) const;
  };
  using Cases = std::map<std::string, Case>;  // by uid

  bool acts() const { return leads_ && stores_.complete() && experiments_.complete() && injections_.complete(); }
  void consider(const cluster::ExperimentObject& object);
  void begin_due();
  std::ptrdiff_t room() const;  // so many more may be admitted at once
  Nanos pause_before(const std::string& uid);
  void begin(const cluster::ExperimentObject& object);
  Ports ports_of(const Case& one) const;
  void begin_run(const std::string& uid, Case& one);
  void forget_experiment(const cluster::ExperimentObject& object);
  void forget_injection(const cluster::Injection& injection);
  void advance(Cases::iterator one);
  // `again` after so long, where it is not over.
  void close(Cases::iterator one, std::optional<Nanos> again);
  void halt_all();
  void touch_ready();
  void poll(Case& one);
  // What all of them hit, but for the one.
  target::ClusterLoad load_beside(const std::string& uid) const;
  Case* case_of(const std::string& run);
  bool is_over(const cluster::Injection& injection) const;
  std::optional<cluster::Injection> read_injection(const json::Value& value) const;
  void sweep();
  void finish(const cluster::Injection& injection);
  void age_records(const std::string& namespace_);

  Ports ports_;
  ClusterStores& stores_;
  Announcer announcer_;
  session::Outbox outbox_;
  Latch latch_;
  RecordAging aging_;
  session::Kept<cluster::ExperimentObject> experiments_;  // by uid
  session::Kept<cluster::Injection> injections_;          // by namespace/name, without what a run needs of them
  Cases cases_;
  std::unordered_map<std::string, std::string> case_of_run_;  // uid by run
  std::map<std::string, BootTime> due_;                       // uids that are to be considered, and when
  std::map<std::string, int> tries_;                          // by uid: how often one was to be judged anew
  std::map<std::string, BootTime> left_;                      // Injections of no run that are not finished
  BootTime turned_{};
  bool leads_ = false;
  std::string stopping_;
  UniqueFd epoll_;
};

}  // namespace ordeal::controller
