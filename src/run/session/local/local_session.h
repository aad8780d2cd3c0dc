// LocalSession: a run on this host, from what was prepared to its verdict, as an object that a program hosts: poll
// descriptor() until next_wake(), then dispatch(), which never waits. It is over when finished() says so; end() then
// says what it has come to.
#pragma once

#include <memory>
#include <string>

#include "run/session/local/local_world.h"
#include "run/session/prepare.h"

namespace ordeal::session {

// What a plan may lack, and a run may not: each victim can be hit, by a mechanism of this machine; the source answers.
Result<> check_plans(const Prepared& prepared);

Result<engine::Setup> make_setup(const Prepared& prepared);

// From then on the guard alone may touch the kernel.
Result<guard::GuardClient> start_guard(const Prepared& prepared, const RunOptions& options, const std::string& run_id);

class LocalSession {
 public:
  // `prepared` outlives it. A guard whose session cannot be made ends.
  static Result<std::unique_ptr<LocalSession>> create(const Prepared& prepared, guard::GuardClient guard,
                                                      const host::Paths& paths, const std::string& run_id,
                                                      WallOffset offset, engine::Sink sink);

  void start() { engine_->start(); }
  int descriptor() const { return world_->descriptor(); }
  void dispatch();
  BootTime next_wake() const;
  // An end in good order; `by` as in the event "halt".
  void halt(const std::string& by, const std::string& why) { engine_->halt(by, why); }
  // The guard has ended, too.
  bool finished() const { return world_->ended(); }
  // Once it has finished. Nothing is in force any more, or the verdict is kRevertFailed and the latch is engaged.
  Verdict end();

  watch::SourceWatcher& watcher() { return world_->watcher(); }

 private:
  explicit LocalSession(std::unique_ptr<LocalWorld> world) : world_(std::move(world)) {}

  std::unique_ptr<LocalWorld> world_;
  std::unique_ptr<engine::Session> engine_;
  host::Paths paths_;
  std::string run_id_;
};

}  // namespace ordeal::session
