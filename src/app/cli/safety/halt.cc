// halt and resume: they work without any server, and on a run whose engine hangs, since the guard watches the files; on
// one whose guard and reaper hang too, by ending them. Nothing is said to be off before the journals are replayed.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "app/cli/commands.h"
#include "app/cli/safety/replay.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/json/value.h"
#include "core/model/run/run_id.h"
#include "fault/guard/link/heartbeat.h"
#include "platform/host/latch.h"
#include "platform/host/priority.h"
#include "platform/host/registry.h"
#include "platform/sys/process/process.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kObeyLimit = 1s;                               // of a run that nobody could end any more
constexpr Nanos kSlowLimit = guard::kMostBudget + kObeyLimit;  // of one that may be in the middle of a long step
constexpr Nanos kWaitAtMost = 10s;

// Runs (or that run) that hold something.
Result<std::vector<std::string>> holding(const host::Paths& paths, const std::string& run_id) {
  std::vector<std::string> runs;
  auto active = host::active_runs(paths);
  if (!active) return refusal_of(std::move(active).error());
  for (const host::ActiveRun& run : *active)
    if ((run_id.empty() || run.run == run_id) && run.holds()) runs.push_back(run.run);
  return runs;
}

// True when all of its processes are stopped, so that nobody is there to obey.
bool is_stuck(const host::Paths& paths, const std::string& run) {
  auto holders = host::holders_of(paths, run);
  if (!holders) return false;
  return std::all_of(holders->begin(), holders->end(), [](const ProcessId& id) {
    return guard::is_stopped(id.pid) || sys::is_dying(id.pid, id.start_ticks);
  });
}

// Those that do not obey, once they had the time to. None: nothing is held any more.
Result<std::vector<std::string>> wait_for_end(const host::Paths& paths, const std::string& run_id) {
  for (BootTime begin = boot_now();; std::this_thread::sleep_for(5ms)) {
    std::vector<std::string> runs = TRY(holding(paths, run_id));
    Nanos waited = boot_now() - begin;
    if (runs.empty() || waited > kSlowLimit) return runs;
    if (waited < kObeyLimit) continue;
    std::erase_if(runs, [&](const std::string& run) { return !is_stuck(paths, run); });
    if (!runs.empty()) return runs;
  }
}

struct Ended {
  std::vector<std::string> halted;       // held something when it was asked for
  std::vector<guard::DeadRun> runs;      // dead or taken over, and what was undone of them
  std::vector<std::string> still_there;  // hold something still
};

Result<> request(const host::Paths& paths, const std::string& run_id, const std::string& reason) {
  std::string by = sys::user_name(::geteuid());
  std::string why = reason.empty() ? "asked by " + by : reason;
  if (!run_id.empty()) return host::request_halt(paths, run_id, why);
  TRY_VOID(paths.make());
  return host::engage_latch(paths, why, by, wall_now());
}

// For the words alone: it waits for no lock and fails with nothing, since the asking must not come later because of it.
std::vector<std::string> named_as_holding(const host::Paths& paths, const std::string& run_id) {
  std::vector<std::string> runs;
  for (const host::ActiveRun& run : host::recorded_runs(paths).value_or(std::vector<host::ActiveRun>{}))
    if ((run_id.empty() || run.run == run_id) && run.holds()) runs.push_back(run.run);
  return runs;
}

// First the asking, then force, and always what dead runs have left.
Result<Ended> end_all(const std::string& state_dir, const std::string& run_id, const std::string& reason) {
  host::Paths paths = TRY(host::Paths::find(state_dir));
  Ended ended;
  ended.halted = named_as_holding(paths, run_id);
  Result<> asked = request(paths, run_id, reason);
  bool dead = !asked && asked.error().code == Errc::kNotFound;
  if (!asked && !dead) return refusal_of(std::move(asked).error());
  std::vector<std::string> stuck = TRY(wait_for_end(paths, run_id));
  ended.runs = TRY(replay({state_dir, run_id, stuck}));
  for (BootTime until = boot_now() + (stuck.empty() ? Nanos(0) : kWaitAtMost - kSlowLimit);;) {
    ended.still_there = TRY(holding(paths, run_id));
    if (ended.still_there.empty() || boot_now() >= until) break;
    std::this_thread::sleep_for(5ms);
  }
  if (dead && ended.runs.empty()) return tl::unexpected(std::move(asked).error());
  return ended;
}

// Whoever is not root has a registry of his own: a run of root's goes on, and he must not believe otherwise.
Result<> check_root_runs(const std::string& state_dir, const std::string& run_id) {
  if (!state_dir.empty() || ::geteuid() == 0) return {};
  for (const host::ActiveRun& run : TRY(host::recorded_runs(host::Paths::of_root())))
    if ((run_id.empty() || run.run == run_id) && run.holds())
      return fail(Errc::kRefused, fmt::format("the run {} of root goes on: only root can halt it", run.run),
                  "run `sudo ordeal halt`");
  return {};
}

void print_halted(const Ended& ended, double took, bool latched) {
  const std::vector<std::string>& halted = ended.halted;
  size_t count = halted.size();
  if (count == 0 && ended.runs.empty()) print("No run that keeps its state here held a fault.");
  if (count == 0 && !ended.runs.empty()) print("All that dead runs had left was removed in {:.0f} ms.", took);
  if (count == 1) print("Run {} halted: all its faults were removed in {:.0f} ms.", halted.front(), took);
  if (count > 1) print("{} runs halted, all faults removed in {:.0f} ms: {}.", count, took, join(halted, ", "));
  print("{}\n", latched ? " Nothing starts until `ordeal resume`." : "");
}

}  // namespace

ExitCode halt_command(const std::string& state_dir, const std::string& run_id, const std::string& reason, bool json) {
  if (!run_id.empty())
    if (auto id = parse_run_id(run_id); !id) return print_error(id.error());
  BootTime start = boot_now();
  (void)host::raise_priority();  // a halt does not wait behind the load that it is to end
  auto ended = end_all(state_dir, run_id, reason);
  Result<> others = check_root_runs(state_dir, run_id);
  if (!ended) return others ? print_bad_run(ended.error()) : print_error(others.error());
  bool off = ended->still_there.empty() && !any_failed(ended->runs);
  double took = to_millis(boot_now() - start);
  if (json) {
    print_json(json::Object{{"reverted", off && others},
                            {"took_ms", took},
                            {"latched", run_id.empty()},
                            {"halted", json::texts(ended->halted)},
                            {"runs", runs_json(ended->runs)}});
  } else {
    print_runs(ended->runs);
  }
  if (!json && off && others) print_halted(*ended, took, run_id.empty());
  if (off && !others) return print_error(others.error());
  if (off) return ExitCode::kHeld;
  std::string what = any_failed(ended->runs) ? "something could not be undone and may still be in force"
                                             : "still in force: what the run " + ended->still_there.front() + " holds";
  return print_error(Error{Errc::kRevertFailed, what, 0,
                           "`ordeal list` shows the runs; look at the host, then `ordeal revert`", nullptr});
}

ExitCode resume_command(const std::string& state_dir) {
  auto paths = host::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  auto released = host::release_latch(*paths);
  if (!released) return print_error(released.error());
  if (auto still = host::latch_engaged(*paths))
    return print_error(Error{Errc::kRefused, "the host's latch is engaged still: " + still->reason, 0,
                             "release it as root with `ordeal resume`, without --state-dir", nullptr});
  print("{}\n", *released ? "The latch is released." : "The latch was not engaged.");
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
