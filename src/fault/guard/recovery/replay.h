// What dead runs left, undone by `ordeal-guard --replay`: the helper touches the kernel, not this program.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "fault/guard/recovery/dead_runs.h"

namespace ordeal::guard {

struct ReplayOptions {
  std::string state_dir;
  std::string only;                    // this run alone; "" is all of them
  std::vector<std::string> take_over;  // live runs whose guard and reaper do not obey: ended first, by force
};

// What became of it, a run each; one that left something behind has it in `failed`, and has engaged the latch.
// kRefused: this user may not. Waits for at most 30 s.
Result<std::vector<DeadRun>> replay(const ReplayOptions& options);

}  // namespace ordeal::guard
