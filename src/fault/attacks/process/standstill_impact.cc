#include "fault/attacks/process/standstill_impact.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/base/text/quantity.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kFreezeLimit = 300ms;
constexpr Nanos kAsleepLimit = 20ms;  // for a disk to answer
constexpr Nanos kLookAgain = 100ms;
constexpr Nanos kJudgeAgain = 500ms;
constexpr int kSearchShare = 5;  // searching for newcomers takes no more than this part of the time
constexpr int kStopRounds = 20;
constexpr size_t kMostOfARecord = 64;  // an undo record has 4 KiB
// A process's CPU clock may be brought up to date after it stopped.
constexpr Nanos kClockError = 10ms;

// One that sleeps in the kernel stops when it wakes, which may be never: no reason to wait for it.
void wait_stopped(pid_t pid, BootTime end) {
  for (BootTime patience = boot_now() + kAsleepLimit;;) {
    auto stat = sys::read_stat(pid);
    if (!stat || boot_now() >= end || sys::stop_of(pid) == sys::Stop::kStopped) return;
    if (stat->state == 'D' && boot_now() >= patience) return;
    ::usleep(200);
  }
}

// Neither stopped nor about to be, and yet it does not run: somebody froze it meanwhile.
bool frozen_meanwhile(pid_t pid) {
  auto process = sys::read_process(pid);
  auto tree = sys::CgroupTree::discover();
  return process && tree && sys::frozen_by(*tree, *process).has_value();
}

}  // namespace

Result<> StandstillImpact::freeze(const sys::Cgroup& freezer, std::vector<sys::Still> stood) {
  freezer_ = freezer;
  stood_ = std::move(stood);
  undos_.push_back(TRY(log_.record(TRY(thaw_record(freezer)))));
  TRY_VOID(sys::freeze(freezer));
  TRY_VOID(sys::wait_freezer(freezer, sys::FreezerState::kFrozen, kFreezeLimit));
  for (pid_t pid : TRY(freezer.processes())) watch(pid);
  return {};
}

Result<> StandstillImpact::stop(std::vector<sys::Process> processes) {
  for (int round = 0; round < kStopRounds && !processes.empty(); ++round) {
    TRY_VOID(stop_these(processes));
    if (!members_) return {};
    processes = TRY(unknown_members());
  }
  if (processes.empty()) return {};
  return fail(Errc::kNotInjected, fmt::format("{} starts processes faster than they can be stopped", victim_.name));
}

void StandstillImpact::begin(BootTime now) {
  next_ = now + kLookAgain;
  next_round_ = now + newcomers_.stopped_every.value_or(Nanos(0));
  next_judging_ = now + kJudgeAgain;
  count(observe());
}

std::optional<BootTime> StandstillImpact::next_work() const {
  if (ended_) return std::nullopt;
  return next_;
}

Result<> StandstillImpact::work(BootTime now) {
  if (ended_ || now < next_) return {};
  next_ = now + kLookAgain;
  TRY_VOID(judge_again(now));
  TRY_VOID(look_for_newcomers(now));
  if (!newcomers_.stopped_every) watch_newcomers();
  Seen seen = observe();
  count(seen);
  // What ended may be started again, and is stopped then.
  bool none_left = newcomers_.stopped_every && seen.running == 0;
  if (none_left || still_paused() || !still_there(victim_)) return {};
  return fail(Errc::kNotInjected, fmt::format("somebody else continued {}", victim_.name));
}

Result<> StandstillImpact::revert() {
  if (ended_) return {};
  last_ = observe();
  count(last_);
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

Proof StandstillImpact::proof(BootTime) const {
  Seen seen = ended_ ? last_ : observe();
  Proof proof;
  // What a supervisor replaces is stopped again: how much of the time that was, the coverage says.
  size_t ended = watched_.size() - static_cast<size_t>(seen.paused + seen.running);
  size_t asked = newcomers_.stopped_every ? watched_.size() - ended : watched_.size();
  proof.asked = static_cast<double>(asked);
  proof.got = seen.paused;
  proof.unit = "processes";
  bool all = !watched_.empty() && static_cast<size_t>(seen.paused) == asked;
  proof.proven = all && seen.cpu <= kClockError * static_cast<int64_t>(watched_.size());
  proof.measured = fmt::format("{} of {} {} for {:.1f} s, using {:.0f} ms of CPU", seen.paused,
                               counted(asked, "process", "processes"), freezer_ ? "frozen" : "stopped",
                               to_seconds(seen.at - begin_.value_or(seen.at)), to_millis(seen.cpu));
  if (newcomers_.stopped_every && ended > 0) proof.measured += fmt::format("; {} ended meanwhile", ended);
  if (seen.asleep > 0)
    proof.measured += fmt::format("; {} of them asleep in the kernel, with the stop pending", seen.asleep);
  if (!remark_.empty()) proof.measured += "; " + remark_;
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

void StandstillImpact::watch(pid_t pid) {
  auto stat = sys::read_stat(pid);
  bool stood = std::any_of(stood_.begin(), stood_.end(), [&](const sys::Still& s) { return s.process.pid == pid; });
  if (stat && stat->alive() && !stood) watched_.push_back({{pid, stat->start_ticks}, sys::cpu_time(*stat)});
  if (!begin_) begin_ = boot_now();
}

Result<> StandstillImpact::stop_these(const std::vector<sys::Process>& processes) {
  std::vector<ProcessId> ids;
  for (const sys::Process& process : processes) ids.push_back({process.pid, process.start_ticks});
  TRY_VOID(record_undo(ids));
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

Result<> StandstillImpact::record_undo(const std::vector<ProcessId>& ids) {
  for (auto begin = ids.begin(); begin != ids.end();) {
    auto end = begin + std::min<ptrdiff_t>(kMostOfARecord, ids.end() - begin);
    undos_.push_back(TRY(log_.record(TRY(continue_record({begin, end}, victim_.name)))));
    begin = end;
  }
  return {};
}

Result<std::vector<sys::Process>> StandstillImpact::unknown_members() const {
  std::vector<sys::Process> unknown;
  for (sys::Process& process : TRY(members_()))
    if (!known_.count({process.pid, process.start_ticks})) unknown.push_back(std::move(process));
  return unknown;
}

// What stands still may have become one that may not be hit.
Result<> StandstillImpact::judge_again(BootTime now) {
  if (!newcomers_.protection || now < next_judging_) return {};
  next_judging_ = now + kJudgeAgain;
  const Protection* protection = TRY(newcomers_.protection());
  for (const Watched& watched : watched_) {
    auto process = sys::read_process(watched.id.pid);
    if (!process || process->start_ticks != watched.id.start_ticks) continue;
    if (auto rule = protection->refusal(*process)) return fail(Errc::kRefused, *rule);
  }
  return {};
}

// They run until the next round stops them. Between two lives of a container there is nobody to stop.
Result<> StandstillImpact::look_for_newcomers(BootTime now) {
  bool round = now >= next_round_;
  if (!newcomers_.stopped_every || (!round && now < next_search_)) return {};
  while (next_round_ <= now) next_round_ += *newcomers_.stopped_every;
  BootTime began = boot_now();
  auto newcomers = unknown_members();
  next_search_ = now + (boot_now() - began) * kSearchShare;
  if (!newcomers && newcomers.error().code == Errc::kRefused) return tl::unexpected(std::move(newcomers).error());
  joined_ = newcomers ? static_cast<int>(newcomers->size()) : 0;
  if (!round || joined_ == 0) return {};
  count(observe());  // they ran until now
  joined_ = 0;
  return stop_these(*newcomers);
}

// Time in which nobody is there of those that are stopped again and again counts as one that runs.
void StandstillImpact::count(const Seen& seen) {
  int running = seen.running + joined_;
  bool nobody = newcomers_.stopped_every && seen.paused == 0 && running == 0;
  time_.look(seen.at, seen.paused, nobody ? 1 : running);
}

// What joins a frozen cgroup is frozen too; what somebody puts beside stopped processes runs.
void StandstillImpact::watch_newcomers() {
  std::vector<pid_t> pids;
  if (freezer_) {
    pids = freezer_->processes().value_or(std::vector<pid_t>{});
  } else if (auto joined = members_ ? members_() : fail(Errc::kNotFound, "nobody joins")) {
    for (const sys::Process& process : *joined) pids.push_back(process.pid);
  }
  for (pid_t pid : pids)
    if (std::none_of(watched_.begin(), watched_.end(), [&](const Watched& w) { return w.id.pid == pid; })) watch(pid);
}

// The victim may stand still after our end because somebody else froze it meanwhile: that is said.
void StandstillImpact::note_who_else() {
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

bool StandstillImpact::still_paused() const {
  if (freezer_) return sys::freezer_state(*freezer_).value_or(sys::FreezerState::kThawed) == sys::FreezerState::kFrozen;
  Seen seen = observe();
  return seen.paused > 0;
}

StandstillImpact::Seen StandstillImpact::observe() const {
  Seen seen;
  seen.at = boot_now();
  bool frozen = freezer_ && still_paused();
  for (const Watched& watched : watched_) {
    auto stat = sys::read_stat(watched.id.pid);
    if (!stat || stat->start_ticks != watched.id.start_ticks || !stat->alive()) continue;
    sys::Stop stop = freezer_ ? sys::Stop::kNone : sys::stop_of(stat->pid);
    bool asleep = !freezer_ && (stop == sys::Stop::kPending ||
                                (stop == sys::Stop::kNone && stat->state == 'D' && frozen_meanwhile(stat->pid)));
    bool paused = frozen || asleep || stop == sys::Stop::kStopped;
    seen.paused += paused;
    seen.asleep += asleep;
    seen.running += !paused;
    seen.cpu += sys::cpu_time(*stat) - watched.cpu;
  }
  return seen;
}

}  // namespace ordeal::fault
