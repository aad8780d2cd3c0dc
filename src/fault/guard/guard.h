// Guard: the one process that touches the kernel for a run. It holds every impact; when the engine's socket closes,
// the lease runs out, the latch or the run's halt is set, or the reaper is gone, it ends them all. It takes resolved
// victims, never selectors, and checks each against its own policy before it acts (docs/formats/guard.md).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/model/run/exit_code.h"
#include "fault/attacks/fault.h"
#include "fault/guard/lease_table.h"
#include "fault/guard/link/engine_inbox.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/link/pulse.h"
#include "fault/guard/newcomers.h"
#include "fault/guard/recovery/reaper_link.h"
#include "fault/guard/shares.h"
#include "fault/guard/standing_rules.h"
#include "fault/guard/victim_watch.h"
#include "platform/host/latch.h"
#include "platform/host/paths.h"
#include "platform/host/registry.h"

namespace ordeal::guard {

struct GuardOptions {
  std::string run_id;
  std::string state_dir;              // as given by the user, "" for the default
  std::vector<std::string> policies;  // files, in addition to /etc/ordeal/policy.yaml
  std::string inventory;              // the text of the file; "" for none
  Nanos lease = 5s;
  UniqueFd engine;
};

class Guard {
 public:
  static Result<Guard> start(GuardOptions options);
  // The exit code of the process: kRevertFailed where something stays in force, else kHeld.
  ExitCode run();

 private:
  // It was let go, and is kept until it is over or its time is up: nobody works it any more.
  struct Leaving {
    std::string why;
    bool broken = false;  // it stopped working; nobody asked for its end
    BootTime until;
  };
  struct ActiveImpact {
    Victim victim;
    Attack attack;
    std::vector<Step> steps;
    std::unique_ptr<fault::Impact> impact;
    BootTime applied;  // in force since; before that, since when it is there
    std::optional<Leaving> leaving{};
  };

  Guard(GuardOptions options, host::Paths paths, host::Registration registration, std::unique_ptr<Pulse> pulse,
        ReaperLink reaper, StandingRules rules);

  void wait();
  void receive_from_engine();
  void answer(const messages::Check& request);
  void answer(const messages::Apply& request);
  void answer(const messages::Renew&);
  void answer(const messages::Revert& request);
  void answer(const messages::Bye&);
  Result<> apply(const messages::Apply& request);
  // Its length begins, and its request is answered.
  void note_in_force(int id, BootTime since);
  void refuse_apply(int id, const Error& error);
  Result<> check_victim(const Victim& victim) const;
  // By the latch, by this run's own halt, or because it is ending.
  Result<> refuse_when_halted() const;
  // Latch, policy, protection, steps and rights, as of now.
  Result<> judge_now(ActiveImpact& active);
  Result<ActiveImpact> judge(const messages::Hit& request);
  // Nothing is held for it; what this run holds now it may not hold any more by then.
  Result<> judge_ahead(const messages::Hit& request);
  // Judged, and its claims are taken.
  Result<ActiveImpact> admit(const messages::Hit& request);
  Result<> make_impact(ActiveImpact& active, const messages::Apply& request);
  void dismiss_admitted();
  void receive_from_reaper();
  void receive_halt();
  void work_impacts();
  void watch_victims();
  void watch_rules();
  void watch_newcomers();
  // False when the impact must end because of somebody who has come into its reach.
  bool gives_way(int id);
  void end_what_is_due();
  void renew_kernel_leases();
  void beat();

  struct Ended {
    int id = 0;
    ActiveImpact active;
    BootTime reverted;
    Nanos took;
    Result<> result;
  };
  // Those that are still active and not leaving.
  void let_go(const std::vector<int>& impacts, const std::string& why, bool broken);
  // Reverts, and reports, what was let go and is over; at a halt it waits until all of it is.
  void end_gone();
  void await_gone();
  void end(const std::vector<int>& impacts, const std::string& why, bool broken = false);
  void report(const std::vector<Ended>& all);
  void revert_failed(const std::string& victim, const Error& error);
  Ended revert(int impact);
  void send_ended(const Ended& ended);
  void send_reverted(const Ended& ended);
  void end_all(const std::string& why);
  void end_by(const std::string& by, const std::string& why);
  void end_by_latch(const host::LatchState& latch);
  void send(const FromGuard& message);
  std::vector<std::string> claims_of(const ActiveImpact& active) const;
  ExitCode leave();

  GuardOptions options_;
  host::Paths paths_;
  host::Registration registration_;
  std::unique_ptr<Pulse> pulse_;  // watched by the reaper and the engine
  ReaperLink reaper_;
  EngineInbox inbox_;
  StandingRules rules_;
  Shares shares_;
  LeaseTable leases_;
  VictimWatch victim_watch_;
  Newcomers newcomers_;
  Random random_;
  UniqueFd inotify_;
  std::map<int, ActiveImpact> active_;
  std::map<int, ActiveImpact> admitted_;  // checked and not applied yet: claims, and no impact
  std::map<int, FromGuard> answers_;      // of apply requests; what is active without one is not in force yet
  BootTime admitted_until_{};             // the lease of what is admitted
  Nanos overslept_{0};
  BootTime renewed_{};
  BootTime latch_checked_{};
  BootTime rules_checked_{};
  bool done_ = false;
  bool reverting_ = false;
  bool failed_ = false;
  bool reaper_lost_ = false;
};

}  // namespace ordeal::guard
