#include "app/agent/aftermath.h"

#include <fmt/format.h>

#include <thread>

#include "core/base/duration.h"
#include "platform/host/registry.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kLookAgain = 50ms;

Aftermath failed(std::string why) { return {{}, {std::move(why)}}; }

Aftermath after_replay(const Result<std::vector<guard::DeadRun>>& dead, const std::string& run) {
  if (!dead) return failed(dead.error().message());
  Aftermath after;
  for (const guard::DeadRun& one : *dead) {
    if (one.run != run) continue;
    after.undone.insert(after.undone.end(), one.undone.begin(), one.undone.end());
    after.undone.insert(after.undone.end(), one.as_before.begin(), one.as_before.end());
    after.failed.insert(after.failed.end(), one.failed.begin(), one.failed.end());
  }
  return after;
}

}  // namespace

std::optional<Aftermath> await_aftermath(const host::Paths& paths, const std::string& run, Nanos patience,
                                         const std::function<Result<std::vector<guard::DeadRun>>()>& replay,
                                         const std::atomic<bool>& ending) {
  for (BootTime until = boot_now() + patience;;) {
    auto life = host::liveness_of(paths, run);
    if (!life) return failed(life.error().message());
    if (*life == host::RunLiveness::kDead) return after_replay(replay(), run);
    if (ending) return std::nullopt;
    if (boot_now() >= until)
      return failed(
          fmt::format("the guard or the reaper of {} still lives {} after its agent", run, format_duration(patience)));
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace ordeal::agent
