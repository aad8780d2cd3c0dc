#include "run/engine/session.h"

#include <algorithm>
#include <utility>

namespace ordeal::engine {

Session::Session(Setup setup, World world, Inbox& inbox, Options options, Sink sink)
    : machine_(std::move(setup)),
      world_(std::move(world)),
      inbox_(inbox),
      options_(std::move(options)),
      sink_(std::move(sink)) {}

void Session::start() {
  carry_out(machine_.start(world_.now()));
  next_tick_ = world_.now();
}

void Session::dispatch() {
  // What is answered at once belongs to the next call: a world that always answers must not keep us here.
  for (const Event& event : std::exchange(inbox_, {})) carry_out(machine_.handle(world_.now(), event));
  // What starts at its time does not wait for the next tick.
  if (finished() || world_.now() < std::min(next_tick_, next_start())) return;
  carry_out(machine_.handle(world_.now(), Tick{}));
  if (world_.now() >= next_tick_) next_tick_ = std::max(next_tick_ + options_.interval, world_.now());
}

void Session::halt(const std::string& by, const std::string& why) { inbox_.push_back(HaltAsked{by, why}); }

void Session::carry_out(const Actions& actions) {
  for (const Action& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
}

void Session::perform(const Check& check) {
  auto ask = check.ahead ? &Injector::check_ahead : &Injector::check;
  (world_.injector.*ask)(check.impact, machine_.victim(check.impact), machine_.attack(check.impact));
}

void Session::perform(const Inject& inject) {
  world_.injector.inject(inject.impact, machine_.victim(inject.impact), machine_.attack(inject.impact));
}

void Session::perform(const Emit& emitted) {
  BootTime now = world_.now();
  sink_(RunEvent{seq_++, options_.run_id, now, options_.offset.wall(now), emitted.data});
}

}  // namespace ordeal::engine
