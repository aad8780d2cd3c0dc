// StatusWriter: the status of one Experiment, written whole, one write at a time, the newest always wins. Each write
// tests that the run and its holder are still the ones that it knows: a controller that was replaced changes nothing
// any more. Not more than one write a second, but for urgent ones (renewals, the end).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/model/cluster/resources.h"
#include "run/session/cluster/outbox.h"

namespace ordeal::controller {

class StatusWriter {
 public:
  struct Handlers {
    std::function<void(const cluster::ExperimentStatus&)> sending;  // it is about to be sent, perhaps once more
    std::function<void(const cluster::ExperimentStatus&)> written;
    std::function<void(const std::string& why)> lost;  // somebody else has the run, or the Experiment is gone
  };
  StatusWriter(session::Send send, session::Now now, kube::ObjectName experiment, Handlers handlers);
  ~StatusWriter();
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  void want(const cluster::ExperimentStatus& status, bool urgent);
  bool clean() const { return !wanted_ && !under_way_; }
  // Of the last failure; "" when the last write went well.
  const std::string& trouble() const { return trouble_; }

  BootTime next_wake() const;
  void dispatch();

 private:
  void answered(const kube::Answer<json::Value>& answer);
  void ask_whose();
  void told_whose(const kube::Answer<json::Value>& answer);

  session::Send send_;
  session::Now now_;
  kube::ObjectName experiment_;
  Handlers handlers_;
  std::optional<cluster::ExperimentStatus> wanted_;
  cluster::ExperimentStatus sent_;
  bool urgent_ = false, under_way_ = false, lost_ = false;
  BootTime not_before_{}, written_at_{};
  std::string trouble_;
  std::shared_ptr<StatusWriter*> self_;
};

}  // namespace ordeal::controller
