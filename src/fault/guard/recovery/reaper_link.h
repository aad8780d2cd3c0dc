// ReaperLink: the guard's end of the socket to the reaper. Starts the reaper, sends undo records and waits for their
// acknowledgement (as long as the reaper gets on, so that a hung one cannot hold the guard), hears its heartbeats.
// Once the reaper is gone, it undoes by itself.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>

#include "core/base/clock.h"
#include "fault/attacks/undo.h"
#include "fault/guard/link/heartbeat.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/link/pulse.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::guard {

class ReaperLink : public fault::UndoLog {
 public:
  // Starts `ordeal-guard --reaper` from the running executable. `lock_fd` is the run's lock, which it shares.
  // `pulse` is the guard's own; it hears of each wait for an answer, and must outlive the link.
  static Result<ReaperLink> start(const std::string& run_id, const std::string& state_dir, int lock_fd, Pulse& pulse);

  Result<int> record(const fault::UndoRecord& undo) override;
  Result<> undo(int number) override;

  int fd() const { return socket_.get(); }
  bool own_cgroup() const { return own_cgroup_; }
  pid_t pid() const { return process_.pid(); }
  // How long the reaper may be silent, where it has announced nothing, before it counts as hung.
  void limit_silence(Nanos limit) { peer_pulse_.set_limit(limit); }
  // Reads what has come. False once the reaper is gone.
  bool receive(BootTime now);
  // From now on the reaper beats quickly: an impact comes into force.
  void expect_beats(BootTime now) { peer_pulse_.expect(now); }
  void forgive(Nanos stall) { peer_pulse_.forgive(stall); }
  // Of a reaper that is to beat quickly.
  bool hangs(BootTime now) const;
  // Found at once, where hangs() waits for silence: for what cannot be undone.
  bool stopped() const { return is_stopped(process_.pid()); }
  // kClean: it undid and removed everything. kFailed: something stayed behind. kLost: it died or hung, and is dead now;
  // its cgroup, and its journal if there is one, are the guard's to remove.
  enum class Shutdown { kClean, kFailed, kLost };
  // Ends the reaper's watch in good order and waits for it, at most 3 s.
  Shutdown shut_down();
  // After the reaper was found dead or silent: ends it, so that its journal is free.
  void kill();

 private:
  ReaperLink(UniqueFd socket, sys::PidFd process, Pulse& pulse)
      : socket_(std::move(socket)), process_(std::move(process)), pulse_(&pulse) {}
  Result<> ask(const ToReaper& request, int number);
  Result<json::Object> await_sign();
  bool wait_for_end() const;
  void take(BootTime now, const FromReaper& message);
  Unexpected lost(const std::string& what, const Error& cause);

  UniqueFd socket_;
  sys::PidFd process_;
  Pulse* pulse_;
  PeerPulse peer_pulse_;
  bool own_cgroup_ = false;
  bool gone_ = false;
  std::map<int, fault::UndoRecord> records_;
  int next_number_ = 1;
};

}  // namespace ordeal::guard
