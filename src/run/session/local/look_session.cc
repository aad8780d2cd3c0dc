#include "run/session/local/look_session.h"

#include "run/session/local/local_session.h"
#include "run/session/watching.h"

namespace ordeal::session {

// There is nothing to inject, to undo or to roll back.
struct LookSession::Nobody : Injector, Actuator, RecoveryWatcher {
  void check(int, const Victim&, const Attack&) override {}
  void inject(int, const Victim&, const Attack&) override {}
  void renew() override {}
  void revert_all(const std::string&) override {}
  void act(const std::string&) override {}
  void look_for_return(int, BootTime) override {}
};

LookSession::LookSession() : nobody_(std::make_unique<Nobody>()) {}
LookSession::~LookSession() = default;

Result<std::unique_ptr<LookSession>> LookSession::create(const Prepared& prepared, const std::string& run_id,
                                                         WallOffset offset, engine::Sink sink) {
  std::unique_ptr<LookSession> session(new LookSession());
  session->watcher_ =
      TRY(make_watcher(prepared.experiment, [s = session.get()](size_t index, const Observation& observation) {
        s->inbox_.push_back(engine::Observed{index, observation});
      }));
  Nobody& nobody = *session->nobody_;
  engine::World world{*session->watcher_, nobody, nobody, nobody, boot_now};
  session->engine_ = std::make_unique<engine::Session>(
      TRY(make_setup(prepared)), std::move(world), session->inbox_,
      engine::Session::Options{run_id, offset, prepared.experiment.sources.interval}, std::move(sink));
  return session;
}

void LookSession::dispatch() {
  watcher_->dispatch();
  engine_->dispatch();
}

}  // namespace ordeal::session
