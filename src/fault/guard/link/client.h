// GuardClient: the engine's side of the socket to its guard, and of that to the standby. Starts both, sends requests
// that are safe to repeat, and turns what comes back into GuardEvents; a guard that hangs is one that is gone.
// Destroying it closes the sockets, so that the guard reverts everything, and the standby where the guard cannot; it
// waits for both.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/run/exit_code.h"
#include "core/model/seams.h"
#include "fault/guard/link/heartbeat.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/recovery/dead_runs.h"
#include "fault/guard/recovery/standby_link.h"
#include "fault/packets/exemption.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::guard {

struct GuardEvent {
  enum class Type {
    kChecked,
    kCheckFailed,
    kApplied,
    kApplyFailed,
    kVictimGone,
    kHalting,
    kHalted,
    kReverted,
    kNothingInForce,
    kGuardGone
  };
  Type kind = Type::kGuardGone;
  int impact = -1;
  std::string victim;
  std::string why;
  std::string by;     // kHalting, kHalted: latch, person, lease, engine, error
  bool hung = false;  // kGuardGone: it lives, and does not get on
  Error error;        // kCheckFailed, kApplyFailed; kReverted when not clean
  std::vector<Step> steps;
  BootTime applied{};
  BootTime reverted{};
  Nanos took{0};
  bool clean = true;
  bool broken = false;  // kReverted: the fault stopped working before anybody ended it
  Proof proof;
};

struct GuardStart {
  std::string run_id;
  std::string state_dir;
  std::vector<std::string> policies;
  std::string inventory;  // the text of the file; "" for none
  Nanos lease = 5s;
};

class GuardClient {
 public:
  static Result<GuardClient> start(const GuardStart& options);
  // The same in its four steps, for a thread that may not wait: begin() and start_standby() are of the thread that
  // lives longest (both processes end when the thread that started them does); what waits, 10 s at most and more where
  // it fails, is of any one. Until the last has succeeded nothing else may be called.
  static Result<GuardClient> begin(const GuardStart& options);
  Result<> await_guard(const GuardStart& options);
  Result<> start_standby(const GuardStart& options);
  Result<> await_standby() { return standby_->await_ready(); }
  // Speaks to whoever is at the other end of the socket; no process belongs to it. For tests.
  explicit GuardClient(UniqueFd socket) : socket_(std::move(socket)) {}
  GuardClient(GuardClient&&) = default;
  ~GuardClient();

  int fd() const { return socket_.get(); }
  int standby_fd() const { return standby_->fd(); }
  bool standby_alive() const { return standby_->alive(); }
  pid_t pid() const { return process_->pid(); }
  void set_exemptions(std::vector<packets::Exemption> exemptions) { exemptions_ = std::move(exemptions); }
  void set_candidates(int64_t candidates) { candidates_ = candidates; }
  // Of each impact; none: there is but one attack, and all candidates are its own.
  void set_shares(std::vector<messages::Share> shares) { shares_ = std::move(shares); }

  // Requests go out, and what becomes of them comes as events; the same again is no harm (core/model/seams.h,
  // Injector).
  void check(int impact, const Victim& victim, const Attack& attack);
  void check_ahead(int impact, const Victim& victim, const Attack& attack);
  void inject(int impact, const Victim& victim, const Attack& attack);
  void renew();
  void revert_all(const std::string& why);
  // What has come since the last call; never blocks.
  std::vector<GuardEvent> events();
  // When events() is to be called even though nothing came: the guard may hang.
  std::optional<BootTime> look_again() const;
  // For a guard that is gone or hangs: gives it and its reaper `grace` to end, ends them, and has undone what is left,
  // waiting for that. An error, or one in `failed`: something may still be in force.
  Result<DeadRun> end_run(Nanos grace);
  // Ends the guard in good order, then the standby. The exit code of the guard: kHeld, or kRevertFailed. An error is
  // kInternal: it did not end by itself,
  // and everything is undone; kRevertFailed: not everything is, or nobody knows.
  Result<ExitCode> finish();

 private:
  GuardClient(UniqueFd socket, sys::Child process)
      : socket_(std::move(socket)), process_(std::make_unique<sys::Child>(std::move(process))) {}
  Result<> send(const ToGuard& request);
  messages::Hit hit(int impact, const Victim& victim, const Attack& attack) const;
  void ask(ToGuard request);
  void send_waiting();
  bool awaits_answer() const;
  bool hangs(BootTime now) const;
  Unexpected lost_at_the_end(const std::string& how);
  Result<std::optional<GuardEvent>> receive(BootTime now, const json::Object& message);
  Unexpected no_start(const GuardStart& options, const Error& cause);

  UniqueFd socket_;
  std::unique_ptr<sys::Child> process_;
  std::unique_ptr<StandbyLink> standby_;
  PeerPulse peer_pulse_;            // of the guard
  std::deque<ToGuard> waiting_;     // apply and check, not sent yet: a revert goes before them
  int unanswered_ = 0;              // sent
  std::vector<GuardEvent> unsent_;  // what the guard will never answer
  std::vector<packets::Exemption> exemptions_;
  int64_t candidates_ = 1;
  std::vector<messages::Share> shares_;
  bool revert_asked_ = false;
  bool ended_ = false;  // and nothing is left of it
  bool gone_ = false;
};

}  // namespace ordeal::guard
