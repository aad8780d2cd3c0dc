#include "engine/loop.h"

namespace ordeal::engine {
namespace {

class Recorder {
 public:
  Recorder(std::string run_id, WallOffset offset, const Sink& sink)
      : run_id_(std::move(run_id)), offset_(offset), sink_(sink) {}

  void record(BootTime now, const Tell& told) { sink_(RunEvent{seq_++, run_id_, now, offset_.wall(now), told.data}); }

 private:
  std::string run_id_;
  WallOffset offset_;
  const Sink& sink_;
  int64_t seq_ = 0;
};

}  // namespace

Verdict run(Machine& machine, World& world, const std::string& run_id, WallOffset offset, Nanos interval,
            const Sink& sink) {
  Recorder recorder(run_id, offset, sink);
  Verdict verdict;
  auto carry_out = [&](const Actions& actions) {
    for (const Action& action : actions) {
      if (auto* told = std::get_if<Tell>(&action)) {
        recorder.record(world.now(), *told);
      } else if (auto* finish = std::get_if<Finish>(&action)) {
        verdict = finish->verdict;
      } else {
        world.perform(action);
      }
    }
  };
  carry_out(machine.start(world.now()));
  BootTime next_tick = world.now();
  while (!machine.finished()) {
    world.wait(next_tick);
    for (const Event& event : world.collect()) carry_out(machine.handle(world.now(), event));
    if (world.now() < next_tick) continue;
    carry_out(machine.handle(world.now(), Tick{}));
    next_tick = std::max(next_tick + interval, world.now());
  }
  return verdict;
}

}  // namespace ordeal::engine
