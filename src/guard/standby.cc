#include "guard/standby.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include "base/failpoint.h"
#include "guard/latch.h"
#include "guard/own_cgroup.h"
#include "guard/priority.h"
#include "guard/wire.h"

namespace ordeal::guard {
namespace {

// How long guard and reaper may take for their own ending once the engine is gone.
constexpr Nanos kAloneGrace = 600ms;
}  // namespace

Result<Standby> Standby::start(StandbyOptions options) {
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_IGN);
  std::vector<sys::PidFd> holders = TRY(open_holders(options.paths, options.run_id));
  Standby standby(std::move(options), std::move(holders));
  standby.own_cgroup_ = enter_own_cgroup(standby.options_.run_id, Role::kStandby);
  failpoint("standby.in_cgroup");
  raise_priority();
  (void)send_message(standby.options_.engine.get(), {{"op", "ready"}, {"own_cgroup", standby.own_cgroup_}});
  return standby;
}

int Standby::run() {
  while (!done_) {
    pollfd engine{options_.engine.get(), POLLIN, 0};
    ::poll(&engine, 1, -1);
    hear_engine();
  }
  failpoint("standby.leaving");
  (void)leave_own_cgroup(options_.run_id, Role::kStandby);
  return failed_ ? 6 : 0;
}

void Standby::hear_engine() {
  while (!done_) {
    auto received = receive_message(options_.engine.get());
    if (received && !received->closed && !received->message) return;
    bool gone = !received || received->closed;
    if (!gone && understand(*received->message, [&](const json::Object& request) { answer(request); })) continue;
    (void)end(kAloneGrace);
    done_ = true;
  }
}

void Standby::answer(const json::Object& request) {
  std::string op(request.at("op").as_string());
  if (op == "bye") done_ = true;
  if (op != "end_run") return;
  auto ended = end(milliseconds(request.at("grace_ms").as_int64()));
  json::Object reply = ended ? to_json(*ended) : json::Object{{"error", ended.error().message()}};
  reply["op"] = "ended";
  (void)send_message(options_.engine.get(), reply);
}

// A run that cannot be ended, or leaves something behind, stops everything until a person has looked.
Result<DeadRun> Standby::end(Nanos grace) {
  auto ended = end_run(options_.paths, options_.run_id, holders_, grace);
  if (ended && ended->failed.empty()) return ended;
  failed_ = true;
  std::string why = ended ? ended->failed.front() : ended.error().message();
  (void)engage_latch(options_.paths, fmt::format("a revert failed in {}: {}", options_.run_id, why), "standby",
                     wall_now());
  return ended;
}

}  // namespace ordeal::guard
