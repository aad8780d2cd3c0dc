// Follower: one run of a cluster as its Experiment and the parts of its record tell it: each event once, in order.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/cluster/resources.h"
#include "core/model/run/run_event.h"
#include "platform/kube/mirror.h"
#include "run/store/cluster_record.h"

namespace ordeal::cli {

struct FollowerHandlers {
  std::function<void(const RunEvent&)> event;
  std::function<void(const std::string&)> trouble;  // it is tried again by itself
};

class Follower {
 public:
  // The client outlives it.
  Follower(kube::Client& client, std::string space, std::string experiment, FollowerHandlers handlers);

  // A controller has said something of it.
  bool taken_up() const { return !status_.run.empty() || !status_.conditions.empty(); }
  // Nothing more will come: it was deleted, or it is complete and its record came, too, or did not within 5 s.
  bool finished() const;
  bool gone() const { return gone_; }
  bool seen() const { return listed_; }  // the server has answered
  const cluster::ExperimentStatus& status() const { return status_; }
  // As far as it has come; nothing before its first part.
  const std::optional<store::RecordedRun>& record() const { return record_; }
  std::vector<kube::Mirror*> mirrors();

 private:
  void take_experiment(const json::Value& object);
  void take_part(const json::Value& object);
  void follow_record();
  bool record_ended() const;
  void complain(const std::string& what, const kube::ApiFailure& failure);

  kube::Client& client_;
  std::string space_, name_;
  FollowerHandlers handlers_;
  cluster::ExperimentStatus status_;
  bool listed_ = false, gone_ = false;
  std::optional<BootTime> complete_;
  std::map<int, store::RecordPart> parts_;
  std::optional<store::RecordedRun> record_;
  int64_t told_ = -1;  // the last event's number
  std::optional<kube::Mirror> experiment_, record_parts_;
};

}  // namespace ordeal::cli
