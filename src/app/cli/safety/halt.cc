// halt and resume: they work without any server, and on a run whose engine hangs, since the guard watches the files; on
// one whose guard and reaper hang too, by ending them. Nothing is said to be off before the journals are replayed, or,
// by a member of the group `ordeal`, before root's guards have given up what they held.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>

#include "app/cli/commands.h"
#include "app/cli/safety/replay.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "core/json/value.h"
#include "core/model/run/run_id.h"
#include "fault/guard/link/heartbeat.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/halt_request.h"
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
  std::string doubt;                     // why root's may still be in force, where no run of root's holds it
};

// What a halt is about. A member of the group `ordeal` asks root's guards to end what he may not end himself.
struct Reach {
  std::optional<host::Paths> own;      // what this user may end
  std::optional<host::Paths> of_root;  // what he may ask for
  std::string state_dir, run_id, reason;
};

Result<Reach> find_reach(const std::string& state_dir, const std::string& run_id, const std::string& reason) {
  Reach reach{{}, {}, state_dir, run_id, reason};
  auto paths = host::Paths::find(state_dir);
  host::Paths of_root = paths && !state_dir.empty() ? *paths : host::Paths::of_root();
  if (host::may_request(of_root)) reach.of_root = of_root;
  if (!paths && !reach.of_root) return tl::unexpected(std::move(paths).error());
  if (paths && (state_dir.empty() || !reach.of_root)) reach.own = *paths;  // a member without a home has no own
  return reach;
}

// For those who may lock nothing: it waits for no lock.
Result<std::vector<std::string>> recorded_as_holding(const host::Paths& paths, const std::string& run_id) {
  std::vector<std::string> runs;
  for (const host::ActiveRun& run : TRY(host::recorded_runs(paths)))
    if ((run_id.empty() || run.run == run_id) && run.holds()) runs.push_back(run.run);
  return runs;
}

// For the words alone: it fails with nothing, since the asking must not come later because of it.
std::vector<std::string> named_as_holding(const std::optional<host::Paths>& paths, const std::string& run_id) {
  return paths ? recorded_as_holding(*paths, run_id).value_or(std::vector<std::string>{}) : std::vector<std::string>{};
}

Result<bool> is_recorded(const host::Paths& paths, const std::string& run_id) {
  std::vector<host::ActiveRun> runs = TRY(host::recorded_runs(paths));
  return std::any_of(runs.begin(), runs.end(), [&](const host::ActiveRun& run) { return run.run == run_id; });
}

// Of root, of everything or of a run that root may hold.
Result<> request_of_root(const Reach& reach) { return host::ask_for_halt(*reach.of_root, reach.run_id, reach.reason); }

Result<> request_own_run(const Reach& reach, const std::string& why) {
  if (!reach.own) return fail(Errc::kNotFound, "no live run " + reach.run_id, "`ordeal list` shows the runs");
  return host::request_halt(*reach.own, reach.run_id, why);
}

// Of everything, a member asks root alone: that binds his own runs, too.
Result<> request(const Reach& reach) {
  bool everything = reach.run_id.empty();
  std::string by = sys::user_name(::geteuid());
  std::string why = reach.reason.empty() ? "asked by " + by : reach.reason;
  if (everything && reach.of_root) return request_of_root(reach);
  if (everything) {
    TRY_VOID(reach.own->make());
    return host::engage_for_person(*reach.own, why, by);
  }
  Result<bool> of_root = reach.of_root ? is_recorded(*reach.of_root, reach.run_id) : Result<bool>(false);
  if (of_root && !*of_root) return request_own_run(reach, why);
  TRY_VOID(request_of_root(reach));
  if (!of_root) (void)request_own_run(reach, why);  // it is not known whose run it is
  return {};
}

// By force what does not obey, and always what dead runs have left.
Result<> end_own(const Reach& reach, Ended& ended) {
  std::vector<std::string> stuck = TRY(wait_for_end(*reach.own, reach.run_id));
  ended.runs = TRY(guard::replay({reach.state_dir, reach.run_id, stuck}));
  for (BootTime until = boot_now() + (stuck.empty() ? Nanos(0) : kWaitAtMost - kSlowLimit);;) {
    ended.still_there = TRY(holding(*reach.own, reach.run_id));
    if (ended.still_there.empty() || boot_now() >= until) return {};
    std::this_thread::sleep_for(5ms);
  }
}

// Its guard leaves the registry after its journal is gone.
Result<bool> has_left_journal(const host::Paths& paths, const std::string& run) {
  if (TRY(is_recorded(paths, run))) return false;
  std::error_code unknown;
  return std::filesystem::exists(paths.journal(run), unknown) || unknown;
}

// The first run of root's whose journal is left. Those that still stand in the registry may yet undo it.
Result<std::optional<std::string>> journal_left(const Reach& reach, bool also_standing) {
  for (std::string& run : TRY(guard::runs_with_journal(reach.of_root->journal_folder()))) {
    bool meant = reach.run_id.empty() || run == reach.run_id;
    if (meant && (also_standing || TRY(has_left_journal(*reach.of_root, run)))) return std::move(run);
  }
  return std::optional<std::string>();
}

// A guard whose revert failed has left the registry too: what it left says so. "": nothing does.
std::string doubt_about_root(const Reach& reach, bool also_standing) {
  auto left = journal_left(reach, also_standing);
  if (!left) return "it is not known what is in force: " + left.error().message();
  if (*left) return "the run " + **left + " left something behind: its journal is still there";
  auto latch = host::failed_revert(*reach.of_root);
  return latch ? latch->reason : "";
}

bool any_journal(const Reach& reach) {
  auto left = journal_left(reach, true);
  return !left || *left;
}

// A registry that cannot be read may hold anything.
void await_root(const Reach& reach, BootTime begin, Ended& ended) {
  for (;; std::this_thread::sleep_for(5ms)) {
    auto runs = recorded_as_holding(*reach.of_root, reach.run_id);
    bool late = boot_now() - begin > kSlowLimit;
    bool waiting = !runs || !runs->empty() || (any_journal(reach) && doubt_about_root(reach, false).empty());
    if (waiting && !late) continue;
    if (runs) ended.still_there.insert(ended.still_there.end(), runs->begin(), runs->end());
    ended.doubt = runs ? doubt_about_root(reach, true) : "it is not known what is in force: " + runs.error().message();
    return;
  }
}

Result<Ended> end_all(const Reach& reach) {
  BootTime begin = boot_now();
  Ended ended;
  ended.halted = named_as_holding(reach.own, reach.run_id);
  for (std::string& run : named_as_holding(reach.of_root, reach.run_id)) ended.halted.push_back(std::move(run));
  Result<> asked = request(reach);
  bool dead = !asked && asked.error().code == Errc::kNotFound;
  if (!asked && !dead) return refusal_of(std::move(asked).error());
  if (reach.own) TRY_VOID(end_own(reach, ended));
  if (reach.of_root) await_root(reach, begin, ended);
  if (dead && ended.runs.empty() && ended.doubt.empty()) return tl::unexpected(std::move(asked).error());
  return ended;
}

// Whoever is not root has a registry of his own: a run of root's goes on, and he must not believe otherwise.
Result<> check_root_runs(const Reach& reach) {
  if (!reach.state_dir.empty() || reach.of_root || ::geteuid() == 0) return {};
  for (const host::ActiveRun& run : TRY(host::recorded_runs(host::Paths::of_root())))
    if ((reach.run_id.empty() || run.run == reach.run_id) && run.holds())
      return fail(Errc::kRefused, fmt::format("root's run {} continues: only root can halt it", run.run),
                  "run `sudo ordeal halt`, or join the group `ordeal`, whose members may halt");
  return {};
}

void print_halted(const Ended& ended, double took, const std::string& until) {
  const std::vector<std::string>& halted = ended.halted;
  size_t count = halted.size();
  if (count == 0 && ended.runs.empty()) print("No run that keeps its state here held a fault.");
  if (count == 0 && !ended.runs.empty()) print("Everything dead runs had left behind was removed in {:.0f} ms.", took);
  if (count == 1) print("Run {} halted: all its faults were removed in {:.0f} ms.", halted.front(), took);
  if (count > 1) print("{} runs halted, all faults removed in {:.0f} ms: {}.", count, took, join(halted, ", "));
  print("{}\n", until);
}

std::string what_remains(const Ended& ended) {
  if (any_failed(ended.runs)) return "something could not be undone and may still be in force";
  if (!ended.still_there.empty()) return "still in force: what the run " + ended.still_there.front() + " holds";
  return "something may still be in force: " + ended.doubt;
}

std::string latched_until(const Reach& reach) {
  if (!reach.run_id.empty()) return "";
  return reach.of_root ? " Nothing starts until root runs `ordeal resume`." : " Nothing starts until `ordeal resume`.";
}

}  // namespace

ExitCode halt_command(const std::string& state_dir, const std::string& run_id, const std::string& reason, bool json) {
  if (!run_id.empty())
    if (auto id = parse_run_id(run_id); !id) return print_error(id.error());
  BootTime start = boot_now();
  (void)host::raise_priority();  // a halt does not wait behind the load that it is to end
  auto reach = find_reach(state_dir, run_id, reason);
  if (!reach) return print_error(reach.error());
  auto ended = end_all(*reach);
  Result<> others = check_root_runs(*reach);
  if (!ended) return others ? print_bad_run(ended.error()) : print_error(others.error());
  bool off = ended->still_there.empty() && ended->doubt.empty() && !any_failed(ended->runs);
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
  if (!json && off && others) print_halted(*ended, took, latched_until(*reach));
  if (off && !others) return print_error(others.error());
  if (off) return ExitCode::kHeld;
  std::string what = what_remains(*ended);
  std::string next = reach->of_root
                         ? "run `sudo ordeal halt`, which also kills what does not obey and undoes what is left"
                         : "`ordeal list` shows the runs; look at the host, then `ordeal revert`";
  return print_error(Error{Errc::kRevertFailed, what, 0, next, nullptr});
}

ExitCode resume_command(const std::string& state_dir) {
  auto paths = host::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  auto released = host::release_latch(*paths);
  if (!released) return print_error(released.error());
  if (auto still = host::latch_engaged(*paths))
    return print_error(Error{Errc::kRefused, "the host's latch is still engaged: " + still->reason, 0,
                             "release it as root with `ordeal resume`, without --state-dir", nullptr});
  print("{}\n", *released ? "The latch is released." : "The latch was not engaged.");
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
