// RecordKeeper: the record of one run as ConfigMaps that its Experiment owns (run/store/cluster_record.h), written at
// most once a second while it changes.
#pragma once

#include <string>

#include "core/model/cluster/resources.h"
#include "run/session/cluster/outbox.h"
#include "run/store/cluster_record.h"

namespace ordeal::controller {

// "ordeal-RUN-0".
std::string record_name(const std::string& run, int part);

struct RecordOwner {
  std::string namespace_, experiment, uid, run;
};
// The ConfigMap of a part, and the write that makes or replaces it.
kube::Request record_write(const RecordOwner& owner, const store::RecordPart& part);
// The parts of the owner's record among ConfigMaps; whoever may write one can give it the label of a record, so that
// what is called otherwise or belongs to another Experiment is left out.
std::vector<store::RecordPart> record_parts(const RecordOwner& owner, const json::Array& config_maps);

class RecordKeeper {
 public:
  RecordKeeper(session::Send send, session::Now now, RecordOwner owner, const store::NewRun& run);
  void append(const RunEvent& event) { record_.append(event); }
  // All of it is in the cluster, or cannot be.
  bool clean() const { return !record_.changed() && outbox_.empty(); }
  // The rest is written at once.
  void finish() { finishing_ = true; }
  // Why it could not be written; "" is well.
  const std::string& trouble() const { return trouble_; }

  BootTime next_wake() const;
  void dispatch();

 private:
  session::Now now_;
  session::Outbox outbox_;
  RecordOwner owner_;
  store::ClusterRecord record_;
  BootTime written_{};
  bool finishing_ = false;
  std::string trouble_;
};

}  // namespace ordeal::controller
