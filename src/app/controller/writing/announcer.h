// Announcer: Events of Kubernetes on an Experiment, for `kubectl describe` and `kubectl get events`. They are told once
// and not missed: what the API server does not take is gone.
#pragma once

#include <string>

#include "core/model/cluster/resources.h"
#include "run/session/cluster/outbox.h"

namespace ordeal::controller {

class Announcer {
 public:
  Announcer(session::Send send, session::Now now, std::function<Nanos()> wall, std::string identity);

  // `reason` is one word in CamelCase.
  void tell(const cluster::ExperimentObject& experiment, bool warning, const std::string& reason,
            const std::string& message);

  BootTime next_wake() const { return outbox_.next_wake(); }
  void dispatch() { outbox_.dispatch(); }

 private:
  session::Outbox outbox_;
  std::function<Nanos()> wall_;
  std::string identity_;
  int64_t count_ = 0;
};

}  // namespace ordeal::controller
