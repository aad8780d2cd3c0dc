#include "guard/heartbeat.h"

#include <algorithm>

#include "guard/wire.h"
#include "sys/process.h"

namespace ordeal::guard {

json::Object to_json(const Beat& beat) {
  return {{"v", kWireVersion},
          {"op", "beat"},
          {"active", beat.active},
          {"progress", beat.progress},
          {"budget_ms", beat.budget / 1ms}};
}

Beat beat_from_json(const json::Object& message) {
  Beat beat;
  beat.active = message.at("active").as_bool();
  beat.progress = message.at("progress").as_int64();
  beat.budget = std::clamp(Nanos(milliseconds(message.at("budget_ms").as_int64())), Nanos(0), kMostBudget);
  return beat;
}

Nanos overslept(Nanos took, Nanos asked) {
  constexpr Nanos kOrdinary = 100ms;
  Nanos late = took - std::max(asked, Nanos(0));
  return late > kOrdinary ? late : Nanos(0);
}

void PeerPulse::heard(BootTime now) { heard_ = std::max(heard_, now); }

void PeerPulse::heard(BootTime now, const Beat& beat) {
  if (beat.progress <= progress_) return;
  progress_ = beat.progress;
  budget_ = beat.budget;
  active_ = beat.active;
  heard(now);
}

void PeerPulse::expect(BootTime now) { heard(now); }

bool is_stopped(pid_t pid) {
  auto stat = sys::read_stat(pid);
  return stat && stat->state == 'T';
}

}  // namespace ordeal::guard
