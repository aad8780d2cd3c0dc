// Aftermath: what became of a run of which an earlier agent of this node had the guard. Its guard, reaper and standby
// end it without that agent, but not at once, and until they are gone nobody may say that it is reverted.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "fault/guard/recovery/dead_runs.h"
#include "platform/host/paths.h"

namespace ordeal::agent {

struct Aftermath {
  std::vector<std::string> undone;
  std::vector<std::string> failed;  // what may still be in force; empty: nothing is
};

// Blocks until `run` is dead and replayed, at most for `patience` and the replay's own time; a run that lives longer
// has failed. Nothing: `ending` was set meanwhile.
std::optional<Aftermath> await_aftermath(const host::Paths& paths, const std::string& run, Nanos patience,
                                         const std::function<Result<std::vector<guard::DeadRun>>()>& replay,
                                         const std::atomic<bool>& ending);

}  // namespace ordeal::agent
