#include "fault/guard/recovery/reaper.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/io/failpoint.h"
#include "core/json/reader.h"
#include "fault/guard/link/wire.h"
#include "platform/host/latch.h"
#include "platform/host/own_cgroup.h"
#include "platform/host/priority.h"
#include "platform/sys/process/process.h"

namespace ordeal::guard {

namespace {

// Of one record or undo: pidfds of thousands of processes, a disk that is slow to sync, a cgroup that is slow to thaw.
constexpr Nanos kStepBudget = kMostBudget;
// A killed process that does not die is frozen, or waits for a disk.
constexpr Nanos kDeathLimit = 100ms;

// The helpers of a guard that is killed and does not die: nothing tells them that it is gone.
void kill_helpers(pid_t guard) {
  for (const sys::Process& process : sys::list_processes().value_or(std::vector<sys::Process>{})) {
    if (process.ppid != guard || process.pid == ::getpid()) continue;
    if (auto handle = sys::PidFd::open(process.pid, process.start_ticks)) (void)handle->signal(SIGKILL);
  }
}

}  // namespace

Reaper::Reaper(ReaperOptions options, sys::PidFd guard)
    : options_(std::move(options)),
      guard_(std::move(guard)),
      pulse_(std::make_unique<Pulse>(std::vector<int>{options_.guard.get()})) {}

Result<Reaper> Reaper::start(ReaperOptions options) {
  ::setsid();
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  sys::ProcessStat guard = TRY(sys::read_stat(options.guard_pid));
  sys::PidFd handle = TRY(sys::PidFd::open(guard.pid, guard.start_ticks));
  Reaper reaper(std::move(options), std::move(handle));
  reaper.own_cgroup_ = host::enter_own_cgroup(reaper.options_.run_id);
  failpoint("reaper.in_cgroup");
  reaper.peer_pulse_.set_limit(host::raise_priority());
  reaper.peer_pulse_.expect(boot_now());
  // A guard that died meanwhile is found out by the loop, which leaves in good order.
  (void)send_message(reaper.options_.guard.get(),
                     to_message<FromReaper>(messages::ReaperReady{reaper.own_cgroup_, ::getpid()}));
  return reaper;
}

ExitCode Reaper::run() {
  while (!goodbye_ && !guard_gone_) {
    wait();
    BootTime now = boot_now();  // of before: what comes while this process waits for a CPU is in time
    receive_from_guard();
    pulse_->beat(now, peer_pulse_.active());
    if (guard_hangs(now)) kill_guard();
  }
  undo_everything();
  leave();
  return failed_ ? ExitCode::kRevertFailed : ExitCode::kHeld;
}

void Reaper::wait() {
  pollfd fds[2] = {{options_.guard.get(), POLLIN, 0}, {guard_.fd(), POLLIN, 0}};
  Nanos pause = beat_interval(peer_pulse_.active());
  BootTime before = boot_now();
  ::poll(fds, 2, static_cast<int>(to_millis(pause)));
  peer_pulse_.forgive(overslept(boot_now() - before, pause));
  if (fds[1].revents != 0) guard_gone_ = true;
}

void Reaper::receive_from_guard() {
  for (;;) {
    auto received = receive_message(options_.guard.get());
    if (!received || received->closed) guard_gone_ = true;
    // A guard that talks nonsense is dealt with like one that is hung.
    if (received && received->unreadable) return kill_guard();
    if (!received || !received->message) return;
    auto message = from_message<ToReaper>(*received->message);
    if (!message) return kill_guard();
    std::visit([this](const auto& request) { answer(request); }, *message);
  }
}

void Reaper::answer(const Beat& beat) { peer_pulse_.received(boot_now(), beat); }

void Reaper::answer(const messages::Record& request) {
  Pulse::Step step = pulse_->step(kStepBudget);
  done(request.number, record(request));
}

void Reaper::answer(const messages::Undo& request) {
  Pulse::Step step = pulse_->step(kStepBudget);
  done(request.number, undo(request.number));
}

void Reaper::done(int number, const Result<>& result) {
  messages::Done reply{number, result.has_value()};
  if (!result) {
    reply.code = result.error().code;
    reply.error = result.error().message();
  }
  // A reply that cannot be sent means that the guard is hung or gone; both are found out by the loop.
  (void)send_message(options_.guard.get(), to_message<FromReaper>(reply));
  peer_pulse_.received(boot_now());  // a guard that waited for our answer was not silent
}

Result<> Reaper::record(const messages::Record& request) {
  if (!own_cgroup_)
    return fail(Errc::kRefused, "the reaper has no cgroup of its own, so a fault that must be undone is refused",
                "run as root on a host where cgroups can be created");
  const auto& [number, record] = request;
  std::unique_ptr<fault::PreparedUndo> prepared = TRY(fault::prepare_undo(record));
  if (!journal_) journal_ = TRY(Journal::create(options_.paths.journal(options_.run_id), options_.run_id));
  TRY_VOID(journal_->append_undo(number, record));
  prepared_[number] = std::move(prepared);
  texts_[number] = record.text;
  return {};
}

Result<> Reaper::undo(int number) {
  auto found = prepared_.find(number);
  if (found == prepared_.end()) return {};  // undone already
  failpoint("reaper.before_undo");
  Result<fault::Undone> done = found->second->run();
  failpoint("reaper.undone");
  if (!done) {
    failed_ = true;
    return wrap(done.error(), texts_[number]);
  }
  prepared_.erase(found);
  // Undone is undone. A record without its "done" is replayed after a death, and then finds nothing to do.
  (void)journal_->append_done(number);
  return {};
}

bool Reaper::guard_hangs(BootTime now) const {
  if (!peer_pulse_.active()) return false;
  return peer_pulse_.hangs(now) || (peer_pulse_.silent(now) && is_stopped(guard_.pid()));
}

void Reaper::kill_guard() {
  (void)guard_.signal(SIGKILL);
  if (!guard_.wait_death(kDeathLimit)) kill_helpers(guard_.pid());
  guard_gone_ = true;
}

void Reaper::undo_everything() {
  while (!prepared_.empty()) {
    int number = prepared_.rbegin()->first;
    if (undo(number)) continue;
    prepared_.erase(number);
  }
}

void Reaper::leave() {
  failpoint("reaper.leaving");
  if (journal_ && !failed_) (void)journal_->remove();
  if (failed_)
    (void)host::engage_for_failed_revert(options_.paths,
                                         "a revert failed in " + options_.run_id + "; run `ordeal revert`", "reaper");
  // Also after a goodbye: the guard removes it too, but may be killed before it does.
  // The folder goes last: by its name the next start finds a cgroup that stayed.
  if (!host::leave_own_cgroup(options_.run_id)) return;
  (void)host::leave_own_cgroup(options_.run_id, host::Role::kStandby);  // of one that was killed before it was in there
  std::error_code ignored;
  std::filesystem::remove_all(options_.paths.run_folder(options_.run_id), ignored);
}

}  // namespace ordeal::guard
