// Admission: an Experiment from its creation to the moment at which a run of it begins or is refused: what it names is
// asked for, it is prepared, its sources are asked whether they answer, and its status says what became of that. The
// write that gives it a run id holds the version that was judged: of several controllers one succeeds.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/controller/hosting/ports.h"
#include "app/controller/seeing/cluster_stores.h"
#include "app/controller/writing/announcer.h"
#include "run/session/cluster/api_rollback.h"

namespace ordeal::controller {

// What an admitted Experiment begins with.
struct Admitted {
  session::ClusterPrepared prepared;
  watch::SourceLogin login;
  cluster::ExperimentStatus status;
};

class Admission {
 public:
  enum class State { kWorking, kAdmitted, kRefused, kAgain };  // kAgain: it changed meanwhile; judge it anew

  // `load` is asked for at the moment at which it counts.
  Admission(const Ports& ports, const ClusterStores& stores, Announcer& announcer, cluster::ExperimentObject object,
            std::function<target::ClusterLoad()> load);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  State state() const { return state_; }
  Admitted take() { return std::move(*admitted_); }
  // Ends it as refused.
  void refuse(const Error& error);
  // The victims that it holds for the caps; null before it is prepared.
  const session::ClusterPrepared* prepared() const { return admitted_ ? &admitted_->prepared : nullptr; }
  const std::string& name() const { return object_.name; }

  BootTime next_wake() const { return outbox_.next_wake(); }
  void dispatch();

 private:
  void begin();
  void ask_all();
  void ask_workload();
  void ask_secrets();
  void ask_rollback();
  void answered();
  void prepare();
  void checked(const Result<session::SourceCheck>& check);
  void write(cluster::ExperimentStatus status, State then);
  void written(const kube::Answer<json::Value>& answer);
  void settle();
  void ask_whose();
  cluster::ExperimentStatus fresh_status() const;

  const Ports& ports_;
  const ClusterStores& stores_;
  Announcer& announcer_;
  cluster::ExperimentObject object_;
  std::function<target::ClusterLoad()> load_;
  session::Outbox outbox_;
  State state_ = State::kWorking;
  bool begun_ = false;
  int open_questions_ = 0;
  std::optional<session::ClusterExperiment> experiment_;
  std::vector<cluster::Workload> workloads_;
  session::SecretValues secrets_;
  std::optional<Error> refusal_;
  std::optional<Admitted> admitted_;
  cluster::ExperimentStatus writing_;
  State then_ = State::kWorking;
  std::shared_ptr<Admission*> self_;  // the sources answer from elsewhere
};

}  // namespace ordeal::controller
