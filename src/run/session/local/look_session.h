// LookSession: a run whose attack only looks. Hosted as a LocalSession is, without guard, reaper or victims.
#pragma once

#include <memory>
#include <string>

#include "run/engine/session.h"
#include "run/session/prepare.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {

class LookSession {
 public:
  // `prepared` outlives it.
  static Result<std::unique_ptr<LookSession>> create(const Prepared& prepared, const std::string& run_id,
                                                     WallOffset offset, engine::Sink sink);
  ~LookSession();

  void start() { engine_->start(); }
  int descriptor() const { return watcher_->descriptor(); }
  void dispatch();
  BootTime next_wake() const { return engine_->next_wake(); }
  void halt(const std::string& by, const std::string& why) { engine_->halt(by, why); }
  bool finished() const { return engine_->finished(); }
  Verdict end() { return engine_->verdict(); }

  watch::SourceWatcher& watcher() { return *watcher_; }

 private:
  struct Nobody;
  LookSession();

  engine::Inbox inbox_;
  std::unique_ptr<watch::SourceWatcher> watcher_;
  std::unique_ptr<Nobody> nobody_;
  std::unique_ptr<engine::Session> engine_;
};

}  // namespace ordeal::session
