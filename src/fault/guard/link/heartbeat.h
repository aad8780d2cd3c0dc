// Heartbeats: how engine, guard and reaper know of each other that they get on. Each is one thread, and beats from its
// main loop, never from beside it. Before a step that may take long it announces how long at most: a slow machine is
// no hung one. PeerPulse judges what is received of a peer; it is pure arithmetic, and the peer's pulse (pulse.h)
// beats.
#pragma once

#include <cstdint>

#include "core/base/clock.h"

namespace ordeal::guard {

// What may be announced at most.
constexpr Nanos kMostBudget = 5s;
// How much longer than the reaper the engine waits, so that the ordinary way comes first.
constexpr Nanos kEngineGrace = 150ms;

// Every 100 ms while an impact is in force, else every 5 s.
inline Nanos beat_interval(bool impact_in_force) { return impact_in_force ? Nanos(100ms) : Nanos(5s); }

struct Beat {
  bool active = false;   // an impact is in force, or being made
  int64_t progress = 0;  // turns of the main loop and steps done: grows with each beat that counts
  Nanos budget{0};       // of the step that begins now, at most kMostBudget
};

// By how much longer than asked a wait took, where that is no mere scheduling; else 0.
Nanos overslept(Nanos took, Nanos asked);

class PeerPulse {
 public:
  explicit PeerPulse(Nanos limit = 500ms) : limit_(limit) {}

  // How long a peer that has announced nothing may be silent.
  void set_limit(Nanos limit) { limit_ = limit; }
  // Any message but a beat: the peer got on, and its budget begins anew.
  void received(BootTime now);
  // Counts only when the peer got on since its last beat.
  void received(BootTime now, const Beat& beat);
  // From now on it has the usual time to be heard from; for when it need not have beaten before.
  void expect(BootTime now);
  // The listener itself stood still for so long (a machine that was stopped): that was not the peer's silence.
  void forgive(Nanos stall) { last_ += stall; }

  bool active() const { return active_; }
  BootTime last() const { return last_; }
  BootTime silent_from() const { return last_ + limit_; }
  // Beyond the usual limit. Then a peer that is stopped (state T) hangs already: it is not slow.
  bool silent(BootTime now) const { return now - last_ > limit_; }
  // Beyond what it has announced, too.
  bool hangs(BootTime now) const { return now - last_ > std::max(limit_, budget_); }

 private:
  Nanos limit_;
  Nanos budget_{0};
  BootTime last_{};
  int64_t progress_ = -1;
  bool active_ = false;
};

// True for a process that SIGSTOP holds.
bool is_stopped(pid_t pid);

}  // namespace ordeal::guard
