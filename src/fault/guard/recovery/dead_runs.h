// Dead runs: what engines, guards and reapers that died together left on this host, undone and removed. Live runs are
// left alone. Run by ordeal-guard --replay, for `ordeal revert`, `halt` and `verify-clean` and before each `ordeal
// run`, and by a run's standby.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "platform/host/paths.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::guard {

// How long the exit of killed processes may take before that is an error.
constexpr Nanos kExitTimeout = 1s;

struct DeadRun {
  std::string run;
  std::vector<std::string> undone;      // was in force, is not any more
  std::vector<std::string> as_before;   // gone, or given back by somebody else
  std::vector<std::string> other_boot;  // made before the machine was started again: cannot be in force
  std::vector<std::string> failed;      // a person must look
};

json::Value to_json(const DeadRun& dead);
Result<DeadRun> dead_run_from_json(const json::Value& value);

// Undoes the journals, last change first, and removes journals, cgroups and folders. What is left stands in `failed`.
// A killed process holds its locks and its cgroup until it has exited: waits for that, `patience` over all runs.
// `only`: that run alone. kRefused: this process may not, and so nobody knows.
Result<std::vector<DeadRun>> clean_dead_runs(const host::Paths& paths, Nanos patience = kExitTimeout,
                                             const std::string& only = "");

// Ends a run whose guard and reaper may be stopped or hung: gives `holders` that long to end by themselves, kills what
// is left of them, and cleans up after them as above. A run of which nothing stands is as good as ended.
Result<DeadRun> end_run(const host::Paths& paths, const std::string& run_id, const std::vector<sys::PidFd>& holders,
                        Nanos grace);
// Handles on those of a run's guard and reaper that live.
Result<std::vector<sys::PidFd>> open_holders(const host::Paths& paths, const std::string& run_id);

// For an engine whose guard is dead: waits until that run's reaper has left too, and removes its cgroup and folder
// where nobody did. Touches no journal. kTimeout when the run still lives after `patience`.
Result<> remove_run(const host::Paths& paths, const std::string& run_id, Nanos patience);

}  // namespace ordeal::guard
