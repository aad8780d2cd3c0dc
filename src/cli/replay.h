// What dead runs left, undone by `ordeal-guard --replay`: the helper touches the kernel, not this program.
#pragma once

#include <string>

#include "base/result.h"
#include "json/value.h"

namespace ordeal::cli {

// {"runs":[{run, undone[], as_before[], other_boot[], failed[]}]}, as in guard/dead_runs.h
Result<json::Value> replay(const std::string& state_dir);
// kRevertFailed when something stays behind.
Result<> replay_dead_runs(const std::string& state_dir);

}  // namespace ordeal::cli
