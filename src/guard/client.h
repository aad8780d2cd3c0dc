// GuardClient: the engine's side of the socket to its guard. Starts ordeal-guard, sends requests that are safe to
// repeat, and turns what comes back into GuardEvents. Destroying it closes the socket, so that the guard reverts
// everything, and waits for it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "guard/heartbeat.h"
#include "json/value.h"
#include "model/seams.h"
#include "packets/exemption.h"
#include "sys/spawn.h"

namespace ordeal::guard {

struct GuardEvent {
  enum class Kind {
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
  Kind kind = Kind::kGuardGone;
  int impact = -1;
  std::string victim;
  std::string why;
  std::string by;  // kHalting, kHalted: latch, person, lease, engine, error
  Error error;     // kCheckFailed, kApplyFailed; kReverted when not clean
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

class GuardClient : public Injector {
 public:
  static Result<GuardClient> start(const GuardStart& options);
  // Speaks to whoever is at the other end of the socket; no process belongs to it. For tests.
  explicit GuardClient(UniqueFd socket) : socket_(std::move(socket)) {}
  GuardClient(GuardClient&&) = default;
  ~GuardClient() override;

  int fd() const { return socket_.get(); }
  pid_t pid() const { return process_->pid(); }
  // True when faults that must be undone are possible (the reaper has its own cgroup).
  bool journalled() const { return journalled_; }
  void set_exemptions(std::vector<packets::Exemption> exemptions) { exemptions_ = std::move(exemptions); }
  void set_candidates(int64_t candidates) { candidates_ = candidates; }

  void check(int impact, const Victim& victim, const Attack& attack) override;
  void inject(int impact, const Victim& victim, const Attack& attack) override;
  void renew() override;
  void revert_all(const std::string& why) override;
  // What has come since the last call; never blocks.
  std::vector<GuardEvent> events();
  // Ends the guard in good order. The exit code of the guard, or kInternal when it did not end.
  Result<int> finish();

 private:
  GuardClient(UniqueFd socket, sys::Child process)
      : socket_(std::move(socket)), process_(std::make_unique<sys::Child>(std::move(process))) {}
  Result<> send(const json::Object& request);
  void ask(const char* op, int impact, const Victim& victim, const Attack& attack);
  void send_waiting();
  bool hear_beat(BootTime now, const json::Object& message);
  Unexpected no_start(const GuardStart& options, const Error& cause);

  UniqueFd socket_;
  std::unique_ptr<sys::Child> process_;
  struct Asked {
    bool check;
    int impact;
    std::string victim;
    json::Object request;
  };
  PeerPulse heard_;                 // of the guard
  std::deque<Asked> waiting_;       // not sent yet: a revert goes before them
  int unanswered_ = 0;              // sent
  std::vector<GuardEvent> unsent_;  // what the guard will never answer
  std::vector<packets::Exemption> exemptions_;
  int64_t candidates_ = 1;
  bool journalled_ = false;
  bool gone_ = false;
};

// The path of ordeal-guard: beside the running program, else /usr/libexec/ordeal.
Result<std::string> find_guard();

}  // namespace ordeal::guard
