#include "interop/argo/effect/rollout_effect.h"

#include <fmt/format.h>

#include <array>

namespace ordeal::argo {
namespace {

constexpr int64_t kKeptSeconds = 30;
constexpr std::array kAnalysisKinds{"background", "step", "pre-promotion", "post-promotion"};
constexpr std::array kAbortMessages{"Background analysis phase error/failed", "Step-based analysis phase error/failed",
                                    "Blue/green pre-promotion analysis phase error/failed",
                                    "Blue/green post-promotion analysis phase error/failed"};

std::string kept(const Rollout& rollout, const char* pods) {
  int64_t delay = rollout.abort_scale_down_delay.value_or(kKeptSeconds);
  if (delay == 0) return fmt::format("{} pods are never scaled down (abortScaleDownDelaySeconds is 0)", pods);
  return fmt::format("{} pods are kept for {} s", pods, delay);
}

}  // namespace

const char* to_text(AnalysisKind kind) { return kAnalysisKinds[static_cast<size_t>(kind)]; }

Reaction reaction_to(AnalysisKind kind, Phase phase, std::string_view message) {
  if (phase == Phase::kInconclusive) return {RolloutReaction::kPause, "InconclusiveAnalysisRun"};
  if (phase != Phase::kFailed && phase != Phase::kError) return {};
  std::string reason = kAbortMessages[static_cast<size_t>(kind)];
  if (!message.empty()) reason += fmt::format(": {}", message);
  return {RolloutReaction::kAbort, reason};
}

std::vector<std::string> abort_effect(const Rollout& rollout) {
  std::vector<std::string> says;
  says.push_back("status.abort is set and the running analyses are cancelled");
  if (rollout.blue_green) {
    says.push_back("the active service points to the stable version again");
    says.push_back(kept(rollout, "preview"));
  } else if (!rollout.traffic_routing) {
    says.push_back("stable pods are scaled up and canary pods down; traffic follows the pods");
  } else if (rollout.dynamic_stable_scale) {
    says.push_back("the canary's weight goes down only as stable pods become available (dynamicStableScale)");
  } else {
    says.push_back("the canary's weight is 0 at once and its service points to the stable version");
    says.push_back(kept(rollout, "canary"));
  }
  if (rollout.canary) says.push_back("the rollout stands at step 0; a retry begins there");
  says.push_back("spec.template still holds the new version, so the Rollout is Degraded until it is undone or retried");
  return says;
}

}  // namespace ordeal::argo
