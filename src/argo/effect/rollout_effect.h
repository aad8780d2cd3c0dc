// RolloutEffect: what a Rollout does when an analysis ends, and when it aborts. Pure.
#pragma once

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

// What an abort does, one sentence each, in order.
std::vector<std::string> abort_effect(const Rollout& rollout);

}  // namespace ordeal::argo
