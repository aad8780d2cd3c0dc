#include "fault/guard/lost_guard.h"

#include <unistd.h>

#include <thread>

#include "core/base/text/text.h"
#include "fault/guard/recovery/dead_runs.h"
#include "fault/guard/recovery/journal.h"

namespace ordeal::guard {
namespace {

constexpr Nanos kReaperGrace = 400ms;  // for what a dead guard's reaper undoes
constexpr Nanos kReaperLimit = 3s;     // the same where the standby is gone, too

// After the guard's death its reaper undoes what is journalled; nothing is left once its journal is gone.
std::string left_behind(const host::Paths& paths, const std::string& run_id) {
  std::string journal = paths.journal(run_id);
  BootTime until = boot_now() + kReaperLimit;
  while (::access(journal.c_str(), F_OK) == 0) {
    auto lock = lock_journal(journal);
    if (lock && *lock && ::access(journal.c_str(), F_OK) == 0) return "the journal " + journal + " is not undone";
    if (boot_now() > until) return "the reaper is still working on " + journal;
    std::this_thread::sleep_for(10ms);
  }
  // Its cgroup and folder too, also where guard and reaper died before they could.
  auto buried = remove_run(paths, run_id, kReaperLimit);
  return buried ? "" : buried.error().message();
}

}  // namespace

LostGuard end_lost_run(GuardClient& guard, const GuardEvent& event, const host::Paths& paths,
                       const std::string& run_id) {
  auto dead = guard.end_run(event.hung ? Nanos(0) : kReaperGrace);
  std::string how = event.hung ? "the guard hung (" + event.why + ") and was ended" : "the guard ended unexpectedly";
  if (!dead) return {guard.standby_alive() ? dead.error().message() : left_behind(paths, run_id), how};
  if (!dead->undone.empty())
    how += ", its reaper did not undo, and the standby reaper did: " + join(dead->undone, "; ");
  return {join(dead->failed, "; "), how};
}

}  // namespace ordeal::guard
