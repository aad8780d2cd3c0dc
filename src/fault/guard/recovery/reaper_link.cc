#include "fault/guard/recovery/reaper_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/io/failpoint.h"
#include "fault/guard/link/wire.h"
#include "platform/host/registry.h"
#include "platform/sys/process/process.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kReaperStartLimit = 5s;
constexpr Nanos kGoodbyeLimit = 3s;  // it removes its journal, on whatever disk that is
constexpr Nanos kReaperStoppedLimit = 500ms;
constexpr Nanos kReaperLookAgain = 50ms;

// The reaper is no child with PDEATHSIG: it must outlive the guard.
Result<pid_t> fork_reaper(const std::vector<std::string>& arguments, int socket, int lock) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork the reaper");
  if (pid > 0) return pid;
  ::fcntl(socket, F_SETFD, 0);
  ::fcntl(lock, F_SETFD, 0);
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

// Nothing for any other message.
std::optional<Result<>> answer_to(int number, const FromReaper& message) {
  const auto* done = std::get_if<messages::Done>(&message);
  if (!done || done->number != number) return std::nullopt;
  if (done->ok) return Result<>{};
  return fail(done->code, done->error);
}

}  // namespace

Result<ReaperLink> ReaperLink::start(const std::string& run_id, const std::string& state_dir, int lock_fd,
                                     Pulse& pulse) {
  auto [ours, theirs] = TRY(message_pair());
  std::vector<std::string> argv{
      "ordeal-guard",         "--reaper", "--run", run_id, "--socket", std::to_string(theirs.get()), "--lock",
      std::to_string(lock_fd)};
  if (!state_dir.empty()) argv.insert(argv.end(), {"--state-dir", state_dir});
  pid_t pid = TRY(fork_reaper(argv, theirs.get(), lock_fd));
  theirs.reset();
  ReaperLink link(std::move(ours), TRY(sys::PidFd::of_child(pid)), pulse);
  TRY_VOID(host::name_holder(lock_fd, pid));
  auto ready = await_message(link.socket_.get(), kReaperStartLimit);
  if (!ready) return fail(Errc::kInternal, "the reaper did not start: " + ready.error().message());
  FromReaper said = TRY(from_message<FromReaper>(*ready));
  const auto* is_ready = std::get_if<messages::ReaperReady>(&said);
  if (!is_ready) return fail(Errc::kInternal, "the reaper did not report that it is ready");
  link.own_cgroup_ = is_ready->own_cgroup;
  link.peer_pulse_.expect(boot_now());
  return link;
}

// Ordeal's own failure, whatever became of the reaper.
Unexpected ReaperLink::lost(const std::string& what, const Error& cause) {
  gone_ = true;
  return fail(Errc::kInternal, what + ": " + cause.message());
}

Result<> ReaperLink::ask(const ToReaper& request, int number) {
  auto sent = send_message(socket_.get(), to_message(request));
  if (!sent) return lost("the reaper is not listening", sent.error());
  peer_pulse_.expect(boot_now());
  Pulse::Step waiting = pulse_->step(kMostBudget);
  for (;;) {
    auto received = await_sign();
    if (!received) return lost("the reaper does not answer", received.error());
    auto message = from_message<FromReaper>(*received);
    if (!message) return lost("the reaper sent something unreadable", message.error());
    take(boot_now(), *message);
    if (auto done = answer_to(number, *message)) return *done;
  }
}

// The next message, for as long as the reaper does not hang.
Result<json::Object> ReaperLink::await_sign() {
  for (;;) {
    BootTime now = boot_now();
    auto received = await_message(socket_.get(), kReaperLookAgain);
    if (received || received.error().code != Errc::kTimeout || hangs(now)) return received;
  }
}

void ReaperLink::take(BootTime now, const FromReaper& message) {
  if (const auto* beat = std::get_if<Beat>(&message)) return peer_pulse_.received(now, *beat);
  peer_pulse_.received(now);
}

bool ReaperLink::hangs(BootTime now) const {
  return peer_pulse_.hangs(now) || (peer_pulse_.silent(now) && is_stopped(process_.pid()));
}

Result<int> ReaperLink::record(const fault::UndoRecord& undo) {
  int number = next_number_++;
  TRY_VOID(ask(messages::Record{number, undo}, number));
  records_.emplace(number, undo);
  failpoint("guard.journalled");
  return number;
}

Result<> ReaperLink::undo(int number) {
  Result<> undone = gone_ ? Result<>{} : ask(messages::Undo{number}, number);
  if (!gone_) return undone;
  // An impact does not outlive its reaper either. Dead for sure, it cannot undo at the same time.
  kill();
  auto record = records_.find(number);
  if (record == records_.end()) return {};
  auto replayed = fault::replay_undo(record->second);
  if (!replayed) return tl::unexpected(std::move(replayed).error());
  return {};
}

bool ReaperLink::receive(BootTime now) {
  for (;;) {
    auto received = receive_message(socket_.get());
    if (!received || received->closed || received->unreadable) gone_ = true;
    if (gone_ || !received->message) return !gone_;
    auto message = from_message<FromReaper>(*received->message);
    if (!message) gone_ = true;
    if (message) take(now, *message);
  }
}

// False: it hangs on its way out.
bool ReaperLink::wait_for_end() const {
  BootTime begin = boot_now();
  while (!process_.wait_death(kReaperLookAgain)) {
    Nanos waited = boot_now() - begin;
    if (waited > kGoodbyeLimit || (waited > kReaperStoppedLimit && is_stopped(process_.pid()))) return false;
  }
  return true;
}

ReaperLink::Shutdown ReaperLink::shut_down() {
  (void)send_message(socket_.get(), to_message<ToReaper>(messages::Bye{}));
  if (!wait_for_end()) {
    kill();
    return Shutdown::kLost;
  }
  int status = 0;
  ::waitpid(process_.pid(), &status, 0);
  if (!WIFEXITED(status)) return Shutdown::kLost;
  return WEXITSTATUS(status) == 0 ? Shutdown::kClean : Shutdown::kFailed;
}

void ReaperLink::kill() {
  gone_ = true;
  (void)process_.signal(SIGKILL);
  process_.wait_death(500ms);
  ::waitpid(process_.pid(), nullptr, WNOHANG);
}

}  // namespace ordeal::guard
