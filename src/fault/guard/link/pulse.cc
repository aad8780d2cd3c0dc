#include "fault/guard/link/pulse.h"

#include "fault/guard/link/messages.h"
#include "fault/guard/link/wire.h"

namespace ordeal::guard {

void Pulse::beat(BootTime now, bool active) {
  ++progress_;
  // Whoever still believes in an impact would take the slow beat for a hang.
  if (active == told_active_ && now - sent_ < beat_interval(active)) return;
  sent_ = now;
  send(active);
}

void Pulse::send(bool active) {
  told_active_ = active;
  json::Object message = to_message<ToReaper>(Beat{active, progress_, budget_});
  for (int listener : listeners_) (void)send_message(listener, message);
}

Pulse::Step::Step(Pulse& pulse, Nanos budget) : pulse_(pulse), outer_(pulse.budget_) {
  ++pulse_.progress_;
  pulse_.budget_ = std::min(budget, kMostBudget);
  pulse_.send(true);
}

Pulse::Step::~Step() {
  ++pulse_.progress_;
  pulse_.budget_ = outer_;
  pulse_.send(true);
}

}  // namespace ordeal::guard
