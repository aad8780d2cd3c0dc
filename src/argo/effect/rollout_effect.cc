#include "argo/effect/rollout_effect.h"

#include <fmt/format.h>

#include <array>

namespace ordeal::argo {
namespace {

constexpr int64_t kKeptSeconds = 30;
constexpr std::array kKinds{"background", "step", "pre-promotion", "post-promotion"};
constexpr std::array kAbortMessages{"Background analysis phase error/failed", "Step-based analysis phase error/failed",
                                    "Blue/green pre-promotion analysis phase error/failed",
                                    "Blue/green post-promotion analysis phase error/failed"};

bool no_analysis(const RolloutState& state) {
  return state.initial_deploy || state.fully_promoted || state.aborted || state.promote_full;
}

const CanaryStep* present_step(const Rollout& rollout, const RolloutState& state) {
  bool there = state.step && *state.step >= 0 && *state.step < static_cast<int64_t>(rollout.steps.size());
  return there ? &rollout.steps[static_cast<size_t>(*state.step)] : nullptr;
}

}  // namespace

const char* to_text(AnalysisKind kind) { return kKinds[static_cast<size_t>(kind)]; }

Reaction reaction_to(AnalysisKind kind, Phase phase, std::string_view message) {
  if (phase == Phase::kInconclusive) return {RolloutReaction::kPause, "InconclusiveAnalysisRun"};
  if (phase != Phase::kFailed && phase != Phase::kError) return {};
  std::string reason = kAbortMessages[static_cast<size_t>(kind)];
  if (!message.empty()) reason += fmt::format(": {}", message);
  return {RolloutReaction::kAbort, reason};
}

RunOrder background_order(const Rollout& rollout, const RolloutState& state) {
  if (!rollout.background || rollout.background->templates.empty()) return RunOrder::kNone;
  if (no_analysis(state)) return RunOrder::kCancel;
  bool before = state.step && *state.step < rollout.background->starting_step;
  return before ? RunOrder::kNone : RunOrder::kRun;
}

RunOrder step_order(const Rollout& rollout, const RolloutState& state) {
  if (no_analysis(state)) return RunOrder::kCancel;
  const CanaryStep* step = present_step(rollout, state);
  bool analysed = step && step->analysis && !step->analysis->templates.empty();
  return analysed ? RunOrder::kRun : RunOrder::kCancel;
}

bool step_is_over(const CanaryStep& step, Nanos since_begin, std::optional<Phase> analysis) {
  if (step.analysis) return analysis == Phase::kSuccessful;
  if (step.kind != "pause") return true;
  auto length = pause_length(step);
  return length && *length && since_begin >= **length;
}

AbortEffect abort_effect(const Rollout& rollout) {
  AbortEffect effect;
  effect.weight_at_once = !rollout.dynamic_stable_scale;
  effect.canary_kept_seconds = rollout.traffic_routing ? rollout.abort_scale_down_delay.value_or(kKeptSeconds) : 0;
  auto& says = effect.sentences;
  says.push_back("status.abort is set and the running analyses are cancelled");
  if (rollout.blue_green) {
    says.push_back("the active service points to the stable version again");
  } else if (!rollout.traffic_routing) {
    says.push_back("stable pods are scaled up and canary pods down; traffic follows the pods");
  } else if (rollout.dynamic_stable_scale) {
    says.push_back("the canary's weight goes down only as stable pods become available (dynamicStableScale)");
  } else {
    says.push_back("the canary's weight is 0 at once and its service points to the stable version");
    says.push_back(fmt::format("canary pods are kept for {} s", effect.canary_kept_seconds));
  }
  if (rollout.canary) says.push_back("the rollout stands at step 0; a retry begins there");
  says.push_back("spec.template still holds the new version, so the Rollout is Degraded until it is undone or retried");
  return effect;
}

}  // namespace ordeal::argo
