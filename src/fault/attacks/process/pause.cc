// pause: the victim stands still. A cgroup is frozen as a whole; where that cannot be, its processes get SIGSTOP.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/process/kill.h"
#include "fault/attacks/process/paused_time.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/pidfd.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kFreezeLimit = 300ms;
constexpr Nanos kAsleepLimit = 20ms;  // for a disk to answer
constexpr Nanos kLookAgain = 100ms;
constexpr int kStopRounds = 20;

AttackInfo describe_pause() {
  AttackInfo info;
  info.type = "pause";
  info.summary = "Freezes the victim's processes; afterwards they continue where they left off.";
  info.example =
      "name: the cache hangs and the site stays up\n"
      "target: {type: container, name: redis}\n"
      "attack:\n"
      "  type: pause\n"
      "  length: 30s\n";
  info.step = StepKind::kJournalled;
  info.mechanisms = {"the cgroup freezer (v1 or v2)", "SIGSTOP through pidfds"};
  info.capabilities = {"write access to the victim's cgroup", "CAP_KILL, for SIGSTOP to processes of other users"};
  info.proof =
      "the frozen or stopped state of every process, checked every 100 ms, including those that join later (95 % of "
      "their time is required), and no CPU time used by them";
  info.judged =
      "everything in the victim's cgroup, in nested cgroups, or in its list of processes. A protected process is "
      "refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, undoes it within 1 s; if that one is frozen too, the victim stays paused "
      "until it is thawed";
  info.limits = {"a victim that is already frozen or stopped, itself or by a parent cgroup, is refused, and stays so",
                 "a process asleep in the kernel stops when it wakes; at the end it gets its SIGCONT either way"};
  return info;
}

const AttackInfo& pause_info() {
  static const AttackInfo info = describe_pause();
  return info;
}

struct PauseWay {
  std::optional<sys::Cgroup> freezer;  // nothing: SIGSTOP
  LiveVictim live;
  std::vector<sys::Still> still;  // of the victim, and stopped by somebody else: they stay so
};

// The freezer may be used when it holds every process of the victim. (What is below that path in any hierarchy is the
// victim, so nobody else is in it.)
std::optional<sys::Cgroup> freezer_for(const Victim& victim, const LiveVictim& live) {
  if (victim.cgroup.empty()) return std::nullopt;
  auto freezer = sys::freezer_of(live.tree, victim.cgroup);
  if (!freezer) return std::nullopt;
  std::vector<pid_t> inside = freezer->processes().value_or(std::vector<pid_t>{});
  for (const sys::Process& process : live.processes) {
    if (std::binary_search(inside.begin(), inside.end(), process.pid)) continue;
    auto stat = sys::read_stat(process.pid);
    if (stat && stat->start_ticks == process.start_ticks && stat->alive()) return std::nullopt;
  }
  return *freezer;
}

Unexpected refuse_still(const std::string& why) {
  return fail(
      Errc::kRefused, why + " already, by somebody else",
      "a victim that is already stopped is never paused: resume it first (`ordeal list` shows whether a run holds it)");
}

// A freezer leaves a stopped process stopped; SIGCONT would not.
Result<> refuse_still_ones(const PauseWay& method) {
  if (method.freezer && TRY(sys::freezer_state(*method.freezer)) != sys::FreezerState::kThawed)
    return refuse_still(fmt::format("the cgroup {} is frozen", method.freezer->path()));
  for (const sys::Still& still : method.still)
    if (still.frozen || !method.freezer) return refuse_still(still.why);
  if (method.still.size() == method.live.processes.size()) return refuse_still(method.still.front().why);
  return {};
}

Result<PauseWay> method_for(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return fail(Errc::kRefused, "a whole host cannot be paused: Ordeal runs on it");
  LiveVictim live = TRY(look_at(victim));
  PauseWay method{std::nullopt, std::move(live), {}};
  TRY_VOID(refuse_protected(method.live));
  method.freezer = freezer_for(victim, method.live);
  method.still = sys::standing_still(method.live.tree, method.live.processes);
  TRY_VOID(refuse_still_ones(method));
  return method;
}

class PauseImpact : public Impact {
 public:
  PauseImpact(Victim victim, UndoLog& log) : victim_(std::move(victim)), log_(log) {}

  Result<> freeze(const sys::Cgroup& freezer, std::vector<sys::Still> stood) {
    freezer_ = freezer;
    stood_ = std::move(stood);
    undos_.push_back(TRY(log_.record(TRY(thaw_record(freezer)))));
    TRY_VOID(sys::freeze(freezer));
    TRY_VOID(sys::wait_freezer(freezer, sys::FreezerState::kFrozen, kFreezeLimit));
    for (pid_t pid : TRY(freezer.processes())) watch(pid);
    return {};
  }

  // Processes that a victim without a freezer starts while it is being stopped are stopped in the next round.
  Result<> stop(std::vector<sys::Process> processes) {
    for (int round = 0; round < kStopRounds && !processes.empty(); ++round) {
      TRY_VOID(stop_these(processes));
      if (victim_.cgroup.empty()) return {};
      LiveVictim live = TRY(look_at(victim_));
      processes.clear();
      for (sys::Process& process : live.processes)
        if (!known_.count({process.pid, process.start_ticks})) processes.push_back(std::move(process));
    }
    if (processes.empty()) return {};
    return fail(Errc::kNotInjected, fmt::format("{} starts processes faster than they can be stopped", victim_.name));
  }

  bool is_long(BootTime now) const override { return !ended_ && now >= next_; }
  std::optional<BootTime> next_work() const override {
    if (ended_) return std::nullopt;
    return next_;
  }

  Result<> work(BootTime now) override {
    if (ended_ || now < next_) return {};
    next_ = now + kLookAgain;
    watch_newcomers();
    Seen seen = observe();
    time_.look(now, seen.paused, seen.running);
    if (still_paused() || !still_there(victim_)) return {};
    return fail(Errc::kNotInjected, fmt::format("somebody else continued {}", victim_.name));
  }

  Result<> revert() override {
    if (ended_) return {};
    last_ = observe();
    time_.look(last_.at, last_.paused, last_.running);
    ended_ = true;
    std::optional<Error> failed;
    for (int number : undos_) {
      auto undone = log_.undo(number);
      if (!undone && !failed) failed = std::move(undone).error();
    }
    note_who_else();
    if (failed) return tl::unexpected(std::move(*failed));
    return {};
  }

  Proof proof(BootTime) const override {
    Seen seen = ended_ ? last_ : observe();
    Proof proof;
    proof.asked = static_cast<double>(watched_.size());
    proof.got = seen.paused;
    proof.unit = "processes";
    bool all = !watched_.empty() && seen.paused == static_cast<int>(watched_.size());
    proof.proven = all && seen.cpu <= kClockError * static_cast<int64_t>(watched_.size());
    proof.measured = fmt::format("{} of {} {} for {:.1f} s, using {:.0f} ms of CPU", seen.paused,
                                 counted(watched_.size(), "process", "processes"), freezer_ ? "frozen" : "stopped",
                                 to_seconds(seen.at - begin_.value_or(seen.at)), to_millis(seen.cpu));
    if (seen.asleep > 0)
      proof.measured += fmt::format("; {} of them asleep in the kernel, with the stop pending", seen.asleep);
    if (!others_.empty()) proof.measured += "; still after the end: " + others_;
    if (!all) proof.reason = "some processes ended, or were continued by somebody else";
    if (all && !proof.proven) proof.reason = "the processes used CPU time while they were paused";
    proof.coverage = {time_.coverage()};
    if (std::string short_of = shortfall(proof.coverage[0]); !short_of.empty()) {
      proof.proven = false;
      proof.reason = std::move(short_of);
    }
    return proof;
  }

  void begin(BootTime now) {
    next_ = now + kLookAgain;
    Seen seen = observe();
    time_.look(seen.at, seen.paused, seen.running);
  }

 private:
  // A process's CPU clock may be brought up to date after it stopped.
  static constexpr Nanos kClockError = 10ms;

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

  void watch(pid_t pid) {
    auto stat = sys::read_stat(pid);
    bool stood = std::any_of(stood_.begin(), stood_.end(), [&](const sys::Still& s) { return s.process.pid == pid; });
    if (stat && stat->alive() && !stood) watched_.push_back({{pid, stat->start_ticks}, sys::cpu_time(*stat)});
    if (!begin_) begin_ = boot_now();
  }

  Result<> stop_these(const std::vector<sys::Process>& processes) {
    std::vector<ProcessId> ids;
    for (const sys::Process& process : processes) ids.push_back({process.pid, process.start_ticks});
    undos_.push_back(TRY(log_.record(TRY(continue_record(ids, victim_.name)))));
    std::vector<pid_t> stopped;
    for (const ProcessId& id : ids) {
      known_.insert(id);
      auto handle = sys::PidFd::open(id.pid, id.start_ticks);
      if (!handle && handle.error().code == Errc::kNotFound) continue;
      if (!handle) return tl::unexpected(std::move(handle).error());
      TRY_VOID(handle->signal(SIGSTOP));
      stopped.push_back(id.pid);
    }
    // One limit for all: a guard that waits longer than its beat counts as hung.
    for (BootTime end = boot_now() + kFreezeLimit; pid_t pid : stopped) {
      wait_stopped(pid, end);
      watch(pid);
    }
    return {};
  }

  // What joins a frozen cgroup is frozen too; what somebody puts beside stopped processes runs.
  void watch_newcomers() {
    std::vector<pid_t> pids;
    if (freezer_) {
      pids = freezer_->processes().value_or(std::vector<pid_t>{});
    } else if (auto live = victim_.cgroup.empty() ? fail(Errc::kNotFound, "no cgroup") : look_at(victim_)) {
      for (const sys::Process& process : live->processes) pids.push_back(process.pid);
    }
    for (pid_t pid : pids)
      if (std::none_of(watched_.begin(), watched_.end(), [&](const Watched& w) { return w.id.pid == pid; })) watch(pid);
  }

  // One that sleeps in the kernel stops when it wakes, which may be never: no reason to wait for it.
  static void wait_stopped(pid_t pid, BootTime end) {
    for (BootTime patience = boot_now() + kAsleepLimit;;) {
      auto stat = sys::read_stat(pid);
      if (!stat || boot_now() >= end || sys::stop_of(pid) == sys::Stop::kStopped) return;
      if (stat->state == 'D' && boot_now() >= patience) return;
      ::usleep(200);
    }
  }

  // The victim may stand still after our end because somebody else froze it meanwhile: that is said.
  void note_who_else() {
    auto asleep = [](const Watched& watched) {
      auto stat = sys::read_stat(watched.id.pid);
      return stat && stat->state == 'D';
    };
    using State = sys::FreezerState;
    bool still_frozen = freezer_ ? sys::freezer_state(*freezer_).value_or(State::kThawed) != State::kThawed
                                 : std::any_of(watched_.begin(), watched_.end(), asleep);
    if (!still_frozen) return;
    auto live = look_at(victim_);
    if (!live) return;
    for (const sys::Still& still : sys::standing_still(live->tree, live->processes))
      if (still.frozen) others_ = still.why + ", by somebody else";
  }

  // Neither stopped nor about to be, and yet it does not run: somebody froze it meanwhile.
  static bool frozen_meanwhile(pid_t pid) {
    auto process = sys::read_process(pid);
    auto tree = sys::CgroupTree::discover();
    return process && tree && sys::frozen_by(*tree, *process).has_value();
  }

  void count_stop(const sys::ProcessStat& stat, Seen& seen) const {
    sys::Stop stop = sys::stop_of(stat.pid);
    bool asleep =
        stop == sys::Stop::kPending || (stop == sys::Stop::kNone && stat.state == 'D' && frozen_meanwhile(stat.pid));
    seen.paused += asleep || stop == sys::Stop::kStopped;
    seen.asleep += asleep;
  }

  bool still_paused() const {
    if (freezer_)
      return sys::freezer_state(*freezer_).value_or(sys::FreezerState::kThawed) == sys::FreezerState::kFrozen;
    Seen seen = observe();
    return seen.paused > 0;
  }

  Seen observe() const {
    Seen seen;
    seen.at = boot_now();
    bool frozen = freezer_ && still_paused();
    for (const Watched& watched : watched_) {
      auto stat = sys::read_stat(watched.id.pid);
      if (!stat || stat->start_ticks != watched.id.start_ticks) continue;
      if (!stat->alive()) continue;
      const int before = seen.paused;
      seen.paused += frozen;
      if (!freezer_) count_stop(*stat, seen);
      seen.running += seen.paused == before;
      seen.cpu += sys::cpu_time(*stat) - watched.cpu;
    }
    return seen;
  }

  Victim victim_;
  UndoLog& log_;
  std::optional<sys::Cgroup> freezer_;
  std::vector<int> undos_;
  std::vector<Watched> watched_;
  std::set<ProcessId> known_;
  std::vector<sys::Still> stood_;  // stopped before us
  std::string others_;             // what keeps the victim still after our end
  std::optional<BootTime> begin_;
  PausedTime time_;
  BootTime next_;
  Seen last_;
  bool ended_ = false;
};

class PauseFault : public Fault {
 public:
  const AttackInfo& info() const override { return pause_info(); }

  Usability usability(const host::Features& features) const override {
    if (!features.reaper_cgroup)
      return {false, "Ordeal must undo it, and the reaper cannot have its own cgroup", "", "run Ordeal as root"};
    if (!features.freezer.empty())
      return {true, fmt::format("{}; here {}", info().mechanisms[0], features.freezer), "", ""};
    Usability use = usability_of_signals(features, info().mechanisms[1]);
    if (use.usable && use.limits.empty()) use.limits = "no cgroup freezer here";
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    PauseWay method = TRY(method_for(victim));
    Step step;
    step.kind = StepKind::kJournalled;
    step.victim = victim.name;
    step.action = fmt::format("{} {} for {}: {}",
                              method.freezer ? "freeze the cgroup " + victim.cgroup + " with its" : "SIGSTOP to",
                              counted(method.live.processes.size(), "process", "processes"),
                              format_duration(attack.length), name_some(method.live.processes));
    step.undo = method.freezer ? "thaw it, unless somebody else already has"
                               : "SIGCONT to each of them, whether stopped yet or not";
    step.proof = info().proof;
    step.claims = claims_on(victim, method.live, "running");
    for (const sys::Still& still : method.still) step.notes.push_back(still.why + " by somebody else, and stays so");
    if (!method.freezer && !victim.cgroup.empty())
      step.notes.push_back("no cgroup freezer covers just this victim, so its processes are stopped one by one");
    if (method.freezer && method.freezer->version() == 1)
      step.notes.push_back("cgroup v1: a process killed while it is frozen dies when it is thawed");
    return std::vector<Step>{std::move(step)};
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack&, const Context& context) const override {
    if (!context.undo) return fail(Errc::kRefused, "pause needs a reaper that holds its undo, and there is none");
    PauseWay method = TRY(method_for(victim));
    auto impact = std::make_unique<PauseImpact>(victim, *context.undo);
    auto done =
        method.freezer ? impact->freeze(*method.freezer, std::move(method.still)) : impact->stop(method.live.processes);
    if (!done) {
      auto reverted = impact->revert();
      if (!reverted) return fail(Errc::kRevertFailed, reverted.error().message());
      return tl::unexpected(std::move(done).error());
    }
    impact->begin(context.now);
    return impact;
  }
};

}  // namespace

const Fault& pause_fault() {
  static const PauseFault fault;
  return fault;
}

}  // namespace ordeal::fault
