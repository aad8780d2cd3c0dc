// Reaper: the process that gives back what a dead or hung guard cannot. It keeps the journal, holds every undo
// prepared (descriptors open, identities verified), and acts when the guard's socket closes, the guard dies, or the
// guard hangs while an impact is in force; then it kills the guard first, since a hung guard is a black hole.
// It never makes an impact.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/run/exit_code.h"
#include "fault/attacks/undo.h"
#include "fault/guard/link/heartbeat.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/link/pulse.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/paths.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::guard {

struct ReaperOptions {
  std::string run_id;
  host::Paths paths;
  UniqueFd guard;  // the socket to the guard
  pid_t guard_pid = 0;
};

class Reaper {
 public:
  static Result<Reaper> start(ReaperOptions options);
  // Returns when the guard has said goodbye or everything is undone after its death. The exit code of the process:
  // kRevertFailed where something stays behind, else kHeld.
  ExitCode run();

 private:
  Reaper(ReaperOptions options, sys::PidFd guard);

  void wait();
  void receive_from_guard();
  void answer(const Beat& beat);
  void answer(const messages::Record& request);
  void answer(const messages::Undo& request);
  void answer(const messages::Bye&) { goodbye_ = true; }
  void done(int number, const Result<>& result);
  Result<> record(const messages::Record& request);
  Result<> undo(int number);
  bool guard_hangs(BootTime now) const;
  void kill_guard();
  void undo_everything();
  void leave();

  ReaperOptions options_;
  sys::PidFd guard_;
  std::unique_ptr<Pulse> pulse_;
  PeerPulse peer_pulse_;  // of the guard
  bool own_cgroup_ = false;
  std::optional<Journal> journal_;
  std::map<int, std::unique_ptr<fault::PreparedUndo>> prepared_;
  std::map<int, std::string> texts_;
  bool guard_gone_ = false;
  bool goodbye_ = false;
  bool failed_ = false;
};

}  // namespace ordeal::guard
