// NetDelayOwner: net_delay as a process of its own, the stand-in for a guard; killed when the object goes.
#pragma once

#include <string>

#include "fault/packets/verdict_queue.h"
#include "platform/sys/network/netns.h"

namespace ordeal::testing {

class NetDelayOwner {
 public:
  NetDelayOwner(const sys::NetNs& where, packets::Direction direction, uint16_t port, const std::string& delay);
  NetDelayOwner(const NetDelayOwner&) = delete;
  ~NetDelayOwner() { kill(); }

  bool ready() const { return ready_; }
  void freeze();
  void kill();
  // Lets it end in its own way; returns when it has.
  void stop();

 private:
  pid_t pid_ = -1;
  UniqueFd input_;
  bool ready_ = false;
};

}  // namespace ordeal::testing
