// StandstillImpact: processes that stand still, by their cgroup's freezer or by SIGSTOP, and go on where they left off.
// The reaper holds the undo before anything is done; what stood still before never gets a SIGCONT.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fault/attacks/fault.h"
#include "fault/attacks/process/paused_time.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {

class StandstillImpact : public Impact {
 public:
  // Who is to stand still now; nothing where nobody can join those that were named.
  using Members = std::function<Result<std::vector<sys::Process>>()>;
  // What becomes of those that join stopped ones later: they are seen to run, or stopped too, every so often. Who is
  // chosen one by one is judged again as long as it stands still: nobody else does it.
  struct Newcomers {
    std::optional<Nanos> stopped_every{};
    ProtectionNow protection{};
  };
  static constexpr size_t kMostStopped = 1024;  // by SIGSTOP

  StandstillImpact(Victim victim, UndoLog& log, Members members) : StandstillImpact(victim, log, members, {}) {}
  StandstillImpact(Victim victim, UndoLog& log, Members members, Newcomers newcomers)
      : victim_(std::move(victim)), log_(log), members_(std::move(members)), newcomers_(std::move(newcomers)) {}

  Result<> freeze(const sys::Cgroup& freezer, std::vector<sys::Still> stood);
  // Those that members() has more of meanwhile are stopped in the next round.
  Result<> stop(std::vector<sys::Process> processes);
  void begin(BootTime now);
  void remark(std::string text) { remark_ = std::move(text); }  // for its proof

  bool is_long(BootTime now) const override { return !ended_ && now >= next_; }
  std::optional<BootTime> next_work() const override;
  Result<> work(BootTime now) override;
  Result<> revert() override;
  Proof proof(BootTime now) const override;

 private:
  struct Watched {
    ProcessId id;
    Nanos cpu;  // when it was paused
  };
  struct Seen {
    int paused = 0;
    int running = 0;  // alive, and not paused
    int asleep = 0;   // of these: the stop is sent, and the process does not run
    Nanos cpu{0};
    BootTime at;
  };

  void watch(pid_t pid);
  Result<> stop_these(const std::vector<sys::Process>& processes);
  Result<> record_undo(const std::vector<ProcessId>& ids);
  Result<std::vector<sys::Process>> unknown_members() const;
  Result<> look_for_newcomers(BootTime now);
  Result<> judge_again(BootTime now);
  void watch_newcomers();
  void count(const Seen& seen);
  void note_who_else();
  bool still_paused() const;
  Seen observe() const;

  Victim victim_;
  UndoLog& log_;
  Members members_;
  Newcomers newcomers_;
  std::optional<sys::Cgroup> freezer_;
  std::vector<int> undos_;
  std::vector<Watched> watched_;
  std::set<ProcessId> known_;
  std::vector<sys::Still> stood_;  // stopped before us
  std::string others_;             // what keeps the victim still after our end
  std::string remark_;
  std::optional<BootTime> begin_;
  PausedTime time_;
  BootTime next_;
  BootTime next_round_;
  BootTime next_search_;  // for newcomers
  BootTime next_judging_;
  int joined_ = 0;  // that run, and wait for the next round
  Seen last_;
  bool ended_ = false;
};

}  // namespace ordeal::fault
