// Latch: engages the Halt after a failed revert, once for each run, and tries until it is written. Only a person
// releases it. An installation for one namespace has no Halt: there it is the ConfigMap that stands for it.
#pragma once

#include <set>
#include <string>

#include "app/controller/hosting/ports.h"

namespace ordeal::controller {

class Latch {
 public:
  explicit Latch(const Ports& ports) : ports_(ports), outbox_(ports.send, ports.now, 1) {}

  void engage(const std::string& run);
  // It is wanted, and not yet written.
  bool pending() const { return !why_.empty(); }
  BootTime next_wake() const;
  void dispatch();

 private:
  kube::Request request() const;
  void answered(const kube::Answer<json::Value>& answer);

  const Ports& ports_;
  session::Outbox outbox_;
  std::set<std::string> engaged_for_;
  std::string why_;
  BootTime due_{};
  bool refused_ = false;  // that was said
};

}  // namespace ordeal::controller
