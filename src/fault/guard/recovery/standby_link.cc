#include "fault/guard/recovery/standby_link.h"

#include "fault/guard/link/messages.h"
#include "fault/guard/link/wire.h"
#include "platform/host/own_cgroup.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kStandbyStartLimit = 10s;
constexpr Nanos kStandbyEndLimit = 10s;
constexpr int kSocket = 3;

}  // namespace

Result<StandbyLink> StandbyLink::start(const std::string& program, const std::string& run_id,
                                       const std::string& state_dir) {
  auto [ours, theirs] = TRY(message_pair());
  sys::SpawnOptions spawn;
  spawn.program = program;
  spawn.argv = {"ordeal-guard", "--standby", "--run", run_id, "--socket", std::to_string(kSocket)};
  if (!state_dir.empty()) spawn.argv.insert(spawn.argv.end(), {"--state-dir", state_dir});
  spawn.pass = {{theirs.get(), kSocket}};
  auto process = sys::Child::start(spawn);
  if (!process) return wrap(std::move(process).error(), "cannot start the standby reaper");
  return StandbyLink(std::move(ours), std::move(*process), run_id);
}

Result<> StandbyLink::await_ready() {
  auto ready = await_message(socket_.get(), kStandbyStartLimit);
  if (!ready) return fail(Errc::kInternal, "the standby reaper did not start: " + ready.error().message());
  auto message = from_message<FromStandby>(*ready);
  if (!message || !std::holds_alternative<messages::StandbyReady>(*message))
    return fail(Errc::kInternal, "the standby reaper did not report that it is ready");
  return {};
}

Result<DeadRun> StandbyLink::end_run(Nanos grace) {
  auto asked = send_message(socket_.get(), to_message<ToStandby>(messages::EndRun{grace}));
  if (!asked) return fail(Errc::kRevertFailed, "the standby reaper is gone: " + asked.error().message());
  auto answer = await_message(socket_.get(), grace + kStandbyEndLimit);
  if (!answer) return fail(Errc::kRevertFailed, "the standby reaper did not answer: " + answer.error().message());
  auto message = from_message<FromStandby>(*answer);
  const auto* ended = message ? std::get_if<messages::RunEnded>(&*message) : nullptr;
  if (!ended) return fail(Errc::kRevertFailed, "the answer of the standby reaper is not understood");
  if (!ended->run) return fail(Errc::kRevertFailed, ended->error);
  return *ended->run;
}

void StandbyLink::shut_down() { (void)send_message(socket_.get(), to_message<ToStandby>(messages::Bye{})); }

StandbyLink::~StandbyLink() {
  if (!process_) return;
  socket_.reset();
  // Where it died before it could.
  if (process_->wait(kStandbyEndLimit)) (void)host::leave_own_cgroup(run_id_, host::Role::kStandby, kExitTimeout);
}

}  // namespace ordeal::guard
