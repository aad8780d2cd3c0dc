// Pulse: the beating side of a heartbeat (heartbeat.h). Belongs to the one thread of the process; who listens does so
// at the other end of the descriptors, which the caller keeps open. What cannot be sent is not: silence speaks.
#pragma once

#include <vector>

#include "fault/guard/link/heartbeat.h"

namespace ordeal::guard {

class Pulse {
 public:
  explicit Pulse(std::vector<int> listeners) : listeners_(std::move(listeners)) {}
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  void add(int listener) { listeners_.push_back(listener); }
  // Once for each turn of the main loop, and for each of many things done in one turn. Sends when it is due.
  void beat(BootTime now, bool active);

  // A step that may take long: its budget is announced here, at once, and its end where this ends. At most kMostBudget,
  // and as little as the step needs: what is in force already is covered by nothing else meanwhile.
  class Step {
   public:
    Step(Pulse& pulse, Nanos budget);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Pulse& pulse_;
    Nanos outer_;
  };
  Step step(Nanos budget) { return Step(*this, budget); }

 private:
  void send(bool active);

  std::vector<int> listeners_;
  int64_t progress_ = 0;
  Nanos budget_{0};
  BootTime sent_{};
  bool told_active_ = false;
};

}  // namespace ordeal::guard
