// Session: one run, from its first check to its verdict, as an object that any program can host. Nothing in it blocks:
// its host waits for what it polls, until next_wake(), and calls dispatch(). Any number of sessions live on one thread.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "run/engine/machine.h"

namespace ordeal::engine {

// What the session acts through. All of it outlives the session.
struct World {
  Watcher& watcher;
  Injector& injector;
  Actuator& actuator;
  RecoveryWatcher& recovery;
  std::function<BootTime()> now;
};

// What the parts of the world have to say. They may add to it at any time; dispatch() takes it.
using Inbox = std::deque<Event>;

// Called for each event in order, from inside start() and dispatch(); must not block for long.
using Sink = std::function<void(const RunEvent&)>;

class Session {
 public:
  struct Options {
    std::string run_id;
    WallOffset offset;
    Nanos interval;  // of the ticks
  };
  // `inbox` outlives it, too.
  Session(Setup setup, World world, Inbox& inbox, Options options, Sink sink);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Takes in what has come, and ticks when it is time. After the end it does nothing.
  void dispatch();
  // When dispatch() is to be called even though nothing came.
  BootTime next_wake() const { return inbox_.empty() ? std::min(next_tick_, next_start()) : BootTime(); }
  // Asks for an end in good order; `by` as in the event "halt" (signal, person).
  void halt(const std::string& by, const std::string& why);
  bool finished() const { return machine_.finished(); }
  const Verdict& verdict() const { return verdict_; }  // once it has finished

 private:
  BootTime next_start() const { return machine_.next_start().value_or(BootTime::max()); }
  void carry_out(const Actions& actions);
  void perform(const Observe& look) { world_.watcher.look(look.expectation, look.since); }
  void perform(const Check& check);
  void perform(const Inject& inject);
  void perform(const Renew&) { world_.injector.renew(); }
  void perform(const RevertAll& revert) { world_.injector.revert_all(revert.why); }
  void perform(const Act& act) { world_.actuator.act(act.why); }
  void perform(const LookForReturn& look) { world_.recovery.look_for_return(look.impact, look.since); }
  void perform(const Emit& emitted);
  void perform(const Finish& finish) { verdict_ = finish.verdict; }

  Machine machine_;
  World world_;
  Inbox& inbox_;
  Options options_;
  Sink sink_;
  BootTime next_tick_{};
  int64_t seq_ = 0;
  Verdict verdict_;
};

}  // namespace ordeal::engine
