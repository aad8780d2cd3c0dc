// halt and resume: they work without any server, and on a run whose engine hangs, since the guard watches the files.
#include <fmt/format.h>
#include <unistd.h>

#include <thread>

#include "base/output.h"
#include "cli/commands.h"
#include "guard/latch.h"
#include "guard/registry.h"
#include "json/value.h"
#include "model/run_id.h"
#include "sys/process.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kWaitAtMost = 10s;

// True when no run (or not that run) holds anything any more. A run that cannot be read counts as still holding.
bool all_ended(const guard::Paths& paths, const std::string& run_id) {
  auto active = guard::active_runs(paths);
  if (!active) return false;
  for (const guard::ActiveRun& run : *active)
    if ((run_id.empty() || run.run == run_id) && (!run.claims.empty() || run.targets > 0)) return false;
  return true;
}

bool wait_for_end(const guard::Paths& paths, const std::string& run_id) {
  BootTime until = boot_now() + kWaitAtMost;
  while (!all_ended(paths, run_id)) {
    if (boot_now() > until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

Result<> request(const guard::Paths& paths, const std::string& run_id, const std::string& reason) {
  std::string by = sys::user_name(::geteuid());
  std::string why = reason.empty() ? "asked by " + by : reason;
  if (!run_id.empty()) return guard::request_halt(paths, run_id, why);
  TRY_VOID(paths.make());
  return guard::engage_latch(paths, why, by, wall_now());
}

}  // namespace

ExitCode halt_command(const std::string& state_dir, const std::string& run_id, const std::string& reason, bool json) {
  if (!run_id.empty())
    if (auto id = parse_run_id(run_id); !id) return print_error(id.error());
  auto paths = guard::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  BootTime start = boot_now();
  if (auto asked = request(*paths, run_id, reason); !asked) return print_bad_run(asked.error());
  bool ended = wait_for_end(*paths, run_id);
  double took = to_millis(boot_now() - start);
  if (json) {
    print_json(json::Object{{"reverted", ended}, {"took_ms", took}, {"latched", run_id.empty()}});
  } else if (ended) {
    print("Nothing is in force any more ({:.0f} ms).{}\n", took,
          run_id.empty() ? " Nothing starts until `ordeal resume`." : "");
  }
  if (ended) return ExitCode::kHeld;
  return print_error(Error{Errc::kRevertFailed, "after 10 s something is still in force", 0,
                           "`ordeal list` shows the run; look at the host, then `ordeal revert`", nullptr});
}

ExitCode resume_command(const std::string& state_dir) {
  auto paths = guard::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  auto released = guard::release_latch(*paths);
  if (!released) return print_error(released.error());
  if (auto still = guard::latch_engaged(*paths))
    return print_error(Error{Errc::kRefused, "the host's latch is engaged still: " + still->reason, 0,
                             "release it as root with `ordeal resume`, without --state-dir", nullptr});
  print("{}\n", *released ? "The latch is released." : "The latch was not engaged.");
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
