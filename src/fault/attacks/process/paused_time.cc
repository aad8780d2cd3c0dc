#include "fault/attacks/process/paused_time.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::fault {

void PausedTime::look(BootTime now, int paused, int running) {
  if (last_) {
    Nanos length = now - last_->at;
    paused_ += length * std::min(paused, last_->paused);
    running_ += length * std::max(running, last_->running);
  }
  last_ = Look{now, paused, running};
}

Coverage PausedTime::coverage() const {
  Coverage coverage{"paused", to_seconds(paused_), to_seconds(running_), "process seconds", {}};
  if (running_ > Nanos(0))
    coverage.missing = fmt::format(
        "for {:.1f} process seconds a process of the victim ran (it was continued by somebody else, or joined later)",
        coverage.missed);
  return coverage;
}

}  // namespace ordeal::fault
