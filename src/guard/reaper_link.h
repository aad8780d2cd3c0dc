// ReaperLink: the guard's end of the socket to the reaper. Starts the reaper, sends undo records and waits for their
// acknowledgement (no longer than silence is allowed, so that a hung reaper cannot hold the guard), exchanges
// heartbeats. Once the reaper is gone, it undoes by itself.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>

#include "base/clock.h"
#include "fault/undo.h"
#include "guard/paths.h"
#include "sys/pidfd.h"

namespace ordeal::guard {

class ReaperLink : public fault::UndoLog {
 public:
  // Starts `ordeal-guard --reaper` from the running executable. `lock_fd` is the run's lock, which it shares.
  static Result<ReaperLink> start(const std::string& run_id, const Paths& paths, const std::string& state_dir,
                                  int lock_fd);

  Result<int> record(const fault::UndoRecord& undo) override;
  Result<> undo(int number) override;

  int fd() const { return socket_.get(); }
  bool own_cgroup() const { return own_cgroup_; }
  // How long record() and undo() wait for an answer before the reaper counts as hung.
  void limit_answers(Nanos limit) { answer_limit_ = limit; }
  // Reads what has come. False once the reaper is gone.
  bool hear(BootTime now);
  void beat(BootTime now, bool impact_in_force);
  bool silent(BootTime now, Nanos limit, bool impact_in_force) const;
  // kClean: it undid and removed everything. kFailed: something stayed behind. kLost: it died or hung, and is dead now;
  // its cgroup, and its journal if there is one, are the guard's to remove.
  enum class Goodbye { kClean, kFailed, kLost };
  // Ends the reaper's watch in good order and waits for it, at most 1 s.
  Goodbye say_goodbye();
  // After the reaper was found dead or silent: ends it, so that its journal is free.
  void kill();

 private:
  ReaperLink(UniqueFd socket, sys::PidFd process) : socket_(std::move(socket)), process_(std::move(process)) {}
  Result<> ask(json::Object request, int number);
  Unexpected lost(const std::string& what, const Error& cause);

  UniqueFd socket_;
  sys::PidFd process_;
  Nanos answer_limit_ = 500ms;
  bool own_cgroup_ = false;
  bool gone_ = false;
  std::map<int, fault::UndoRecord> records_;
  int next_number_ = 1;
  BootTime heard_{};
  BootTime beaten_{};
  bool told_in_force_ = false;
};

}  // namespace ordeal::guard
