// run(): the thin loop around the Machine. It waits for the world, feeds what comes in, ticks at the experiment's
// interval, and numbers and stamps the events for the record.
#pragma once

#include <functional>
#include <vector>

#include "engine/machine.h"

namespace ordeal::engine {

// The world as the loop sees it: put together by a program from a watcher, a guard, signals and a clock.
class World {
 public:
  virtual ~World() = default;
  // Waits until something has come or `until` is reached.
  virtual void wait(BootTime until) = 0;
  // What has come since the last call.
  virtual std::vector<Event> collect() = 0;
  // Look, Inject, Renew, RevertAll and Act.
  virtual void perform(const Action& action) = 0;
  virtual BootTime now() = 0;
};

// Called for each event in order, on the loop's thread; must not block for long.
using Sink = std::function<void(const RunEvent&)>;

Verdict run(Machine& machine, World& world, const std::string& run_id, WallOffset offset, Nanos interval,
            const Sink& sink);

}  // namespace ordeal::engine
