// RolloutEffect: what a Rollout does when an analysis ends, and when it aborts (R51 to R57). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "argo/objects/rollout.h"
#include "argo/run/phase.h"

namespace ordeal::argo {

enum class AnalysisKind { kBackground, kStep, kPrePromotion, kPostPromotion };
const char* to_text(AnalysisKind kind);

enum class RolloutReaction { kGoOn, kPause, kAbort };
struct Reaction {
  RolloutReaction reaction = RolloutReaction::kGoOn;
  std::string reason;  // "InconclusiveAnalysisRun", or what status.message begins with
};
Reaction reaction_to(AnalysisKind kind, Phase phase, std::string_view message);

// Where a rollout stands, as far as its analyses depend on it.
struct RolloutState {
  bool initial_deploy = false;  // there is no stable version yet
  bool fully_promoted = false;
  bool aborted = false;
  bool promote_full = false;
  std::optional<int64_t> step;  // nothing without steps
};
enum class RunOrder { kNone, kRun, kCancel };
// Of the background analysis (R52), and of the analysis of the present step (R53). A running one is cancelled where
// none may be.
RunOrder background_order(const Rollout& rollout, const RolloutState& state);
RunOrder step_order(const Rollout& rollout, const RolloutState& state);
// Whether the present step is over: a pause when its time is (R54), an analysis when it is Successful (R53).
bool step_is_over(const CanaryStep& step, Nanos since_begin, std::optional<Phase> analysis);

// What an abort does (R56, R57), one sentence each, in order.
struct AbortEffect {
  int64_t canary_weight = 0;        // at once, but for dynamicStableScale
  bool weight_at_once = true;       // else stepped down as stable pods become available
  int64_t canary_kept_seconds = 0;  // before its pods are scaled down; with traffic routing
  std::vector<std::string> sentences;
};
AbortEffect abort_effect(const Rollout& rollout);

}  // namespace ordeal::argo
