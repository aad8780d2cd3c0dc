// LocalWorld: this host as a session acts on it, through a watcher, a guard with its standby, and a rollback. What they
// have to say goes into the session's inbox.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/io/unique_fd.h"
#include "fault/attacks/victim/incarnation.h"
#include "fault/guard/link/client.h"
#include "platform/host/paths.h"
#include "run/engine/session.h"
#include "run/rollback/rollback.h"
#include "run/session/local/background.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {

class LocalWorld : public Injector, public RecoveryWatcher {
 public:
  // The experiment outlives it. `incarnations`: of the victim of each impact.
  static Result<std::unique_ptr<LocalWorld>> create(const Experiment& experiment,
                                                    std::vector<fault::Incarnation> incarnations,
                                                    guard::GuardClient guard, host::Paths paths, std::string run_id);

  engine::World parts() { return {*watcher_, *this, *rollback_, *this, boot_now}; }
  engine::Inbox& inbox() { return inbox_; }

  // To poll for reading; dispatch() then does what is due, and never waits.
  int descriptor() const { return epoll_.get(); }
  void dispatch();
  // When dispatch() is to be called even though nothing came: the guard may hang.
  std::optional<BootTime> next_wake() const { return guard_lost_ ? std::nullopt : guard_.look_again(); }
  // What a lost guard left is being undone, or the guard ends: the run stands still meanwhile, and nothing else may be
  // asked of its world. It takes 10.4 s at most, and 6 s more where the standby is gone, too.
  bool busy() const { return recovery_ || ending_; }

  void check(int impact, const Victim& victim, const Attack& attack) override;
  void check_ahead(int impact, const Victim& victim, const Attack& attack) override;
  void inject(int impact, const Victim& victim, const Attack& attack) override;
  void renew() override;
  void revert_all(const std::string& why) override;
  void look_for_return(int impact, BootTime since) override;

  watch::SourceWatcher& watcher() { return *watcher_; }
  // In good order. Once ended() says so, guard_end() is the guard's exit code, or why there is none; nothing where the
  // guard is lost.
  void end_guard();
  bool ended() const { return ended_; }
  const std::optional<Result<ExitCode>>& guard_end() const { return guard_end_; }

 private:
  LocalWorld(guard::GuardClient guard, host::Paths paths, std::string run_id);
  std::vector<int> parts_polled() const;
  Result<> poll_parts();
  bool poll_too(int fd) const;
  void stop_polling(int fd) const;
  void poll_only(int fd) const;
  void collect_background();
  void collect_guard();
  void collect_standby();
  void collect_warnings();
  void warn(const std::string& of, const std::string& trouble);
  std::optional<engine::Event> translate(const guard::GuardEvent& event);
  void lose_guard(const guard::GuardEvent& event);
  engine::GuardLost end_run(const guard::GuardEvent& event);

  guard::GuardClient guard_;
  host::Paths paths_;
  std::string run_id_;
  UniqueFd epoll_;
  std::unique_ptr<watch::SourceWatcher> watcher_;
  std::unique_ptr<rollback::Rollback> rollback_;
  engine::Inbox inbox_;
  std::map<std::string, std::vector<std::string>> remarked_;  // of each target, without digits
  std::vector<fault::Incarnation> incarnations_;              // of each impact's victim
  std::vector<sys::Process> processes_;                       // as of `listed_`
  BootTime listed_{};
  bool guard_lost_ = false;
  size_t sent_before_loss_ = 0;  // events in the inbox when it was
  bool standby_lost_ = false;
  bool ended_ = false;
  std::optional<Result<ExitCode>> guard_end_;
  std::optional<Background<engine::GuardLost>> recovery_;
  std::optional<Background<Result<ExitCode>>> ending_;
};

}  // namespace ordeal::session
