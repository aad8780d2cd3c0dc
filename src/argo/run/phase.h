// Phase: of an AnalysisRun, of a metric in it, and of one measurement.
#pragma once

#include <string>

namespace ordeal::argo {

enum class Phase { kPending, kRunning, kSuccessful, kFailed, kError, kInconclusive };
const char* to_text(Phase phase);
inline bool completed(Phase phase) { return phase != Phase::kPending && phase != Phase::kRunning; }
// Successful, Running, Pending, Inconclusive, Error, Failed: later is worse.
bool is_worse(Phase than, Phase phase);

// compat: a vector of one element stands for its number where a condition compares a bare `result`.
enum class Mode { kCompat, kStrict };

}  // namespace ordeal::argo
