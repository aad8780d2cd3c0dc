// What dead runs left, undone by `ordeal-guard --replay`: the helper touches the kernel, not this program.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/run/exit_code.h"
#include "fault/guard/recovery/dead_runs.h"

namespace ordeal::cli {

struct ReplayOptions {
  std::string state_dir;
  std::string only;                    // this run alone; "" is all of them
  std::vector<std::string> take_over;  // live runs whose guard and reaper do not obey: ended first, by force
};

// What became of it, a run each; one that left something behind has it in `failed`, and has engaged the latch.
// kRefused: this user may not.
Result<std::vector<guard::DeadRun>> replay(const ReplayOptions& options);
// kRevertFailed when something stays behind.
Result<> replay_dead_runs(const std::string& state_dir);
// An error for want of rights is a refusal: nothing was done, and nothing is claimed.
Unexpected refusal_of(Error error);
// What was done about the runs, a line for each change.
void print_runs(const std::vector<guard::DeadRun>& runs);
json::Array runs_json(const std::vector<guard::DeadRun>& runs);
bool any_failed(const std::vector<guard::DeadRun>& runs);

}  // namespace ordeal::cli
