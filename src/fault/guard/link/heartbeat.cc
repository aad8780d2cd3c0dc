#include "fault/guard/link/heartbeat.h"

#include <algorithm>

#include "platform/sys/process/process.h"

namespace ordeal::guard {

Nanos overslept(Nanos took, Nanos asked) {
  constexpr Nanos kOrdinary = 100ms;
  Nanos late = took - std::max(asked, Nanos(0));
  return late > kOrdinary ? late : Nanos(0);
}

void PeerPulse::heard(BootTime now) { heard_ = std::max(heard_, now); }

void PeerPulse::heard(BootTime now, const Beat& beat) {
  if (beat.progress <= progress_) return;
  progress_ = beat.progress;
  budget_ = std::clamp(beat.budget, Nanos(0), kMostBudget);
  active_ = beat.active;
  heard(now);
}

void PeerPulse::expect(BootTime now) { heard(now); }

bool is_stopped(pid_t pid) {
  auto stat = sys::read_stat(pid);
  return stat && stat->state == 'T';
}

}  // namespace ordeal::guard
