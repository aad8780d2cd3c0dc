#include "fault/guard/recovery/standby.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include "core/base/io/failpoint.h"
#include "fault/guard/link/wire.h"
#include "platform/host/latch.h"
#include "platform/host/own_cgroup.h"
#include "platform/host/priority.h"

namespace ordeal::guard {
namespace {

// How long guard and reaper may take for their own ending once the engine is gone.
constexpr Nanos kAloneGrace = 600ms;
}  // namespace

Result<Standby> Standby::start(StandbyOptions options) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  std::vector<sys::PidFd> holders = TRY(open_holders(options.paths, options.run_id));
  Standby standby(std::move(options), std::move(holders));
  standby.own_cgroup_ = host::enter_own_cgroup(standby.options_.run_id, host::Role::kStandby);
  failpoint("standby.in_cgroup");
  host::raise_priority();
  (void)send_message(standby.options_.engine.get(),
                     to_message<FromStandby>(messages::StandbyReady{standby.own_cgroup_}));
  return standby;
}

ExitCode Standby::run() {
  while (!done_) {
    pollfd engine{options_.engine.get(), POLLIN, 0};
    ::poll(&engine, 1, -1);
    receive_from_engine();
  }
  failpoint("standby.leaving");
  (void)host::leave_own_cgroup(options_.run_id, host::Role::kStandby);
  return failed_ ? ExitCode::kRevertFailed : ExitCode::kHeld;
}

// An engine that is gone, or says what cannot be read: both end the run.
void Standby::receive_from_engine() {
  while (!done_) {
    auto received = receive_message(options_.engine.get());
    bool nothing = received && !received->closed && !received->unreadable && !received->message;
    if (nothing) return;
    auto message = received && received->message ? from_message<ToStandby>(*received->message)
                                                 : fail(Errc::kInternal, "the engine is gone or cannot be understood");
    if (message) {
      std::visit([this](const auto& request) { answer(request); }, *message);
    } else {
      (void)end(kAloneGrace);
      done_ = true;
    }
  }
}

void Standby::answer(const messages::EndRun& request) {
  auto ended = end(request.grace);
  messages::RunEnded reply;
  if (ended) reply.run = *ended;
  if (!ended) reply.error = ended.error().message();
  (void)send_message(options_.engine.get(), to_message<FromStandby>(reply));
}

// A run that cannot be ended, or leaves something behind, stops everything until a person has looked.
Result<DeadRun> Standby::end(Nanos grace) {
  auto ended = end_run(options_.paths, options_.run_id, holders_, grace);
  if (ended && ended->failed.empty()) return ended;
  failed_ = true;
  std::string why = ended ? ended->failed.front() : ended.error().message();
  (void)host::engage_for_failed_revert(options_.paths, fmt::format("a revert failed in {}: {}", options_.run_id, why),
                                       "standby");
  return ended;
}

}  // namespace ordeal::guard
