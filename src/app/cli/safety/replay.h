// What dead runs left, undone (fault/guard/recovery/replay.h), and what is said of it.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/value.h"
#include "fault/guard/recovery/replay.h"

namespace ordeal::cli {

// kRevertFailed when something stays behind.
Result<> replay_dead_runs(const std::string& state_dir);
// An error for want of rights is a refusal: nothing was done, and nothing is claimed.
Unexpected refusal_of(Error error);
// What was done about the runs, a line for each change.
void print_runs(const std::vector<guard::DeadRun>& runs);
json::Array runs_json(const std::vector<guard::DeadRun>& runs);
bool any_failed(const std::vector<guard::DeadRun>& runs);

}  // namespace ordeal::cli
