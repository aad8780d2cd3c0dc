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
#include "watch/sources/source_watcher.h"

namespace ordeal::session {

class LocalWorld : public Injector, public RecoveryWatcher {
 public:
  // Experiment and victims outlive it.
  static Result<std::unique_ptr<LocalWorld>> create(const Experiment& experiment, const std::vector<Victim>& victims,
                                                    guard::GuardClient guard, host::Paths paths, std::string run_id);

  engine::World parts() { return {*watcher_, *this, *rollback_, *this, boot_now}; }
  engine::Inbox& inbox() { return inbox_; }

  // To poll for reading; dispatch() then does what is due. It blocks only where the guard is lost, until what it left
  // is undone: 10.4 s at most, and 6 s more where the standby is gone, too.
  int descriptor() const { return epoll_.get(); }
  void dispatch();
  // When dispatch() is to be called even though nothing came: the guard may hang.
  std::optional<BootTime> next_wake() const { return guard_lost_ ? std::nullopt : guard_.look_again(); }

  void check(int impact, const Victim& victim, const Attack& attack) override;
  void inject(int impact, const Victim& victim, const Attack& attack) override;
  void renew() override;
  void revert_all(const std::string& why) override;
  void look_for_return(int impact, BootTime since) override;

  watch::SourceWatcher& watcher() { return *watcher_; }
  // In good order; the guard's exit code, or why there is none. Nothing once the guard is lost.
  std::optional<Result<ExitCode>> end_guard();

 private:
  LocalWorld(guard::GuardClient guard, host::Paths paths, std::string run_id);
  Result<> poll_parts();
  void stop_polling(int fd) const;
  void collect_guard();
  void collect_standby();
  void collect_warnings();
  void warn(const std::string& of, const std::string& trouble);
  engine::Event translate(const guard::GuardEvent& event);
  engine::GuardLost end_run(const guard::GuardEvent& event);
  std::string left_behind() const;

  guard::GuardClient guard_;
  host::Paths paths_;
  std::string run_id_;
  UniqueFd epoll_;
  std::unique_ptr<watch::SourceWatcher> watcher_;
  std::unique_ptr<rollback::Rollback> rollback_;
  engine::Inbox inbox_;
  std::map<std::string, std::vector<std::string>> remarked_;  // of each target, without digits
  std::vector<fault::Incarnation> incarnations_;              // of each victim
  std::vector<sys::Process> processes_;                       // as of `listed_`
  BootTime listed_{};
  bool guard_lost_ = false;
  bool standby_lost_ = false;
};

}  // namespace ordeal::session
