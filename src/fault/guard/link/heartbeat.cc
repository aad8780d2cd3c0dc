#include "fault/guard/link/heartbeat.h"

#include <algorithm>

#include "platform/sys/process/process.h"

namespace ordeal::guard {

Nanos overslept(Nanos took, Nanos asked) {
  constexpr Nanos kOrdinary = 100ms;
  Nanos late = took - std::max(asked, Nanos(0));
  return late > kOrdinary ? late : Nanos(0);
}

void PeerPulse::received(BootTime now) { last_ = std::max(last_, now); }

void PeerPulse::received(BootTime now, const Beat& beat) {
  if (beat.progress <= progress_) return;
  progress_ = beat.progress;
  budget_ = std::clamp(beat.budget, Nanos(0), kMostBudget);
  active_ = beat.active;
  received(now);
}

void PeerPulse::expect(BootTime now) { received(now); }

bool is_stopped(pid_t pid) {
  auto stat = sys::read_stat(pid);
  return stat && stat->state == 'T';
}

}  // namespace ordeal::guard
