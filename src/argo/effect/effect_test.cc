// What a Rollout does when an analysis ends, and what is sent to it.
#include "argo/effect/patches.h"
#include "argo/effect/rollout_effect.h"
#include "argo/testing.h"

namespace ordeal::argo {
namespace {

struct Row {
  const char* rule;
  AnalysisKind kind;
  Phase phase;
  RolloutReaction reaction;
  const char* reason;
};
constexpr auto kBackground = AnalysisKind::kBackground, kStep = AnalysisKind::kStep, kPre = AnalysisKind::kPrePromotion,
               kPost = AnalysisKind::kPostPromotion;
// clang-format off
// clang-format off
const Row kReactions[] = {
    {"background Failed", kBackground, Phase::kFailed, RolloutReaction::kAbort, "Background analysis phase error/failed: why"},
    {"background Error", kBackground, Phase::kError, RolloutReaction::kAbort, "Background analysis phase error/failed: why"},
    {"background Inconclusive", kBackground, Phase::kInconclusive, RolloutReaction::kPause, "InconclusiveAnalysisRun"},
    {"background Successful", kBackground, Phase::kSuccessful, RolloutReaction::kGoOn, ""},
    {"background Running", kBackground, Phase::kRunning, RolloutReaction::kGoOn, ""},
    {"step Failed", kStep, Phase::kFailed, RolloutReaction::kAbort, "Step-based analysis phase error/failed: why"},
    {"step Error", kStep, Phase::kError, RolloutReaction::kAbort, "Step-based analysis phase error/failed: why"},
    {"step Inconclusive", kStep, Phase::kInconclusive, RolloutReaction::kPause, "InconclusiveAnalysisRun"},
    {"before promotion", kPre, Phase::kFailed, RolloutReaction::kAbort, "Blue/green pre-promotion analysis phase error/failed: why"},
    {"after promotion", kPost, Phase::kError, RolloutReaction::kAbort, "Blue/green post-promotion analysis phase error/failed: why"},
};
// clang-format on
// clang-format on

TEST(Rollout, ReactsByTheRules) {
  for (const Row& row : kReactions) {
    Reaction reaction = reaction_to(row.kind, row.phase, "why");
    EXPECT_EQ(reaction.reaction, row.reaction) << row.rule;
    EXPECT_EQ(reaction.reason, row.reason) << row.rule;
  }
}

Rollout rollout_of(const std::string& canary) {
  return manifest_of(
             "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec: {strategy: {canary: {" +
             canary + "}}}\n")
      .rollouts.at(0);
}

#define STEPS "steps: [{setWeight: 5}, {analysis: {templates: [{templateName: t}]}}]"

std::string told(const Rollout& rollout) {
  std::string text;
  for (const std::string& sentence : abort_effect(rollout)) text += sentence + ". ";
  return text;
}

TEST(Rollout, R56R57TellWhatAnAbortDoes) {
  Rollout plain = rollout_of(STEPS), routed = rollout_of("trafficRouting: {nginx: {}}, " STEPS);
  Rollout dynamic = rollout_of("trafficRouting: {nginx: {}}, dynamicStableScale: true, " STEPS);
  Rollout kept = rollout_of("trafficRouting: {nginx: {}}, abortScaleDownDelaySeconds: 5, " STEPS);
  Rollout forever = rollout_of("trafficRouting: {nginx: {}}, abortScaleDownDelaySeconds: 0, " STEPS);
  auto says = [](const Rollout& rollout, const char* words) { return told(rollout).find(words) != std::string::npos; };
  EXPECT_TRUE(says(plain, "stable pods are scaled up and canary pods down")) << told(plain);
  EXPECT_TRUE(says(routed, "weight is 0 at once")) << told(routed);
  EXPECT_TRUE(says(routed, "canary pods are kept for 30 s"));
  EXPECT_TRUE(says(kept, "canary pods are kept for 5 s"));
  EXPECT_TRUE(says(forever, "canary pods are never scaled down (abortScaleDownDelaySeconds is 0)"));
  EXPECT_FALSE(says(dynamic, "at once"));
  EXPECT_TRUE(says(dynamic, "goes down only as stable pods become available"));
  EXPECT_TRUE(says(plain, "stands at step 0"));
  EXPECT_TRUE(says(plain, "spec.template still holds the new version, so the Rollout is Degraded"));
}

TEST(Rollout, R56AnAbortKeepsThePreviewPods) {
  auto blue_green = [](const char* more) {
    return manifest_of(
               std::string("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec: {strategy: "
                           "{blueGreen: {activeService: a") +
               more + "}}}\n")
        .rollouts.at(0);
  };
  EXPECT_NE(told(blue_green("")).find("preview pods are kept for 30 s"), std::string::npos);
  EXPECT_NE(told(blue_green(", abortScaleDownDelaySeconds: 7")).find("preview pods are kept for 7 s"),
            std::string::npos);
  EXPECT_NE(told(blue_green(", abortScaleDownDelaySeconds: 0")).find("preview pods are never scaled down"),
            std::string::npos);
}

std::string written(const ApiCall& call) {
  return call.method + " " + call.path + " " + call.content_type + " " + json::write(call.body);
}
const ObjectRef kApi{"api", "shop"};
constexpr const char* kStatusPath =
    "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api/status application/merge-patch+json ";

TEST(Patch, IsWhatArgosOwnPluginSends) {
  EXPECT_EQ(written(abort_rollout(kApi)), kStatusPath + std::string(R"({"status":{"abort":true}})"));
  EXPECT_EQ(written(retry_rollout(kApi)), kStatusPath + std::string(R"({"status":{"abort":false}})"));
  EXPECT_EQ(written(promote_rollout_fully(kApi)), kStatusPath + std::string(R"({"status":{"promoteFull":true}})"));
  EXPECT_EQ(on_main_resource(abort_rollout(kApi)).path, "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api");
  EXPECT_EQ(
      written(terminate_analysis_run({"run", "shop"})),
      R"(PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/analysisruns/run application/merge-patch+json {"spec":{"terminate":true}})");
}

json::Value parsed(const std::string& text) { return json::parse_yaml(text)->value; }

struct PromoteRow {
  const char* what;
  const char* object;
  std::vector<std::string> bodies;  // of status and of spec; without any, there is nothing to promote
  const char* unified = "";
};
constexpr const char* kUnpause = R"({"spec":{"paused":false}})";
constexpr const char* kClear = R"({"status":{"pauseConditions":null}})";
constexpr const char* kUnpauseAndClear = R"({"spec":{"paused":false},"status":{"pauseConditions":null}})";
// In the order and with the bodies of pkg/kubectl-argo-rollouts/cmd/promote.
TEST(Patch, PromotesByWhatTheRolloutWaitsFor) {
  // clang-format off
  const PromoteRow kRows[] = {
      {"a pause", "{spec: {strategy: {canary: {steps: [a, b]}}}, status: {pauseConditions: [{reason: CanaryPauseStep}], currentStepIndex: 0}}", {kClear}, kUnpauseAndClear},
      {"an inconclusive analysis", "{spec: {strategy: {canary: {steps: [a, b]}}}, status: {controllerPause: true, pauseConditions: [{reason: x}], currentStepIndex: 0, canary: {currentStepAnalysisRunStatus: {status: Inconclusive}}}}", {R"({"status":{"pauseConditions":null,"controllerPause":false,"currentStepIndex":1}})"}, kUnpauseAndClear},
      {"a running step", "{spec: {strategy: {canary: {steps: [a, b]}}}, status: {currentStepIndex: 1}}", {R"({"status":{"pauseConditions":null,"currentStepIndex":2}})"}, R"({"spec":{"paused":false},"status":{"pauseConditions":null,"currentStepIndex":2}})"},
      {"the last step", "{spec: {strategy: {canary: {steps: [a, b]}}}, status: {currentStepIndex: 2}}", {R"({"status":{"pauseConditions":null,"currentStepIndex":2}})"}, R"({"spec":{"paused":false},"status":{"pauseConditions":null,"currentStepIndex":2}})"},
      {"spec.paused", "{spec: {paused: true, strategy: {blueGreen: {}}}}", {kUnpause}, kUnpauseAndClear},
      {"both, status first", "{spec: {paused: true, strategy: {blueGreen: {}}}, status: {pauseConditions: [{reason: x}]}}", {kClear, kUnpause}, kUnpauseAndClear},
      {"nothing", "{spec: {strategy: {blueGreen: {}}}}", {}},
  };
  const PromoteRow kFull[] = {
      {"what is not promoted yet", "{status: {currentPodHash: b, stableRS: a}}", {R"({"status":{"promoteFull":true}})"}, R"({"spec":{"paused":false},"status":{"promoteFull":true}})"},
      {"and paused", "{spec: {paused: true}, status: {currentPodHash: b, stableRS: a}}", {R"({"status":{"promoteFull":true}})", kUnpause}, R"({"spec":{"paused":false},"status":{"promoteFull":true}})"},
      {"what is promoted already", "{status: {currentPodHash: a, stableRS: a}}", {}},
  };
  // clang-format on
  auto look_at = [](const PromoteRow& row, bool fully) {
    auto promotion = promote_rollout(kApi, parsed(row.object), fully);
    ASSERT_EQ(promotion.has_value(), !row.bodies.empty()) << row.what;
    if (!promotion) return;
    std::vector<std::string> bodies;
    for (const auto& call : {promotion->status, promotion->spec})
      if (call) bodies.push_back(json::write(call->body));
    EXPECT_EQ(bodies, row.bodies) << row.what;
    EXPECT_EQ(json::write(promotion->unified.body), row.unified) << row.what;
    EXPECT_FALSE(promotion->unified.path.ends_with("/status")) << row.what;
  };
  for (const PromoteRow& row : kRows) look_at(row, false);
  for (const PromoteRow& row : kFull) look_at(row, true);
}

TEST(Patch, SelectsByTheObjectsOwnLabels) {
  EXPECT_EQ(selector_of(parsed("{spec: {selector: {matchLabels: {app: api, tier: web}}}}")), "app=api,tier=web");
  EXPECT_EQ(selector_of(parsed("{spec: {selector: {matchLabels: {app: api}, matchExpressions: [{key: a, operator: In, "
                               "values: [x, y]}, {key: b, operator: NotIn, values: [z]}, {key: c, operator: Exists}, "
                               "{key: d, operator: DoesNotExist}]}}}")),
            "app=api,a in (x,y),b notin (z),c,!d");
  EXPECT_EQ(selector_of(parsed("{spec: {workloadRef: {kind: Deployment, name: api}}}")), "");
}

std::string replica_set(const char* owner, const char* revision, const char* image, const char* hash,
                        const char* annotation) {
  return std::string("{metadata: {annotations: {") + annotation + ": '" + revision +
         "'}, ownerReferences: [{controller: true, uid: " + owner +
         "}]}, spec: {template: {metadata: {labels: {app: api, " + hash + ": h" + revision +
         "}}, spec: {image: " + image + "}}}}";
}

TEST(Undo, GoesBackToTheRevisionBefore) {
  constexpr const char *kHash = "rollouts-pod-template-hash", *kRevision = "rollout.argoproj.io/revision";
  json::Value sets =
      parsed("{items: [" + replica_set("u1", "2", "v2", kHash, kRevision) + ", " +
             replica_set("u1", "10", "v10", kHash, kRevision) + ", " + replica_set("u1", "9", "v9", kHash, kRevision) +
             ", " + replica_set("other", "11", "x", kHash, kRevision) + "]}");
  json::Value rollout =
      parsed("{metadata: {uid: u1}, spec: {template: {metadata: {labels: {app: api}}, spec: {image: v10}}}}");
  Undo undo = *undo_rollout(kApi, rollout, sets);
  EXPECT_EQ(undo.revision, 9);
  EXPECT_EQ(
      written(*undo.call),
      "PATCH /apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api application/json-patch+json "
      R"([{"op":"replace","path":"/spec/template","value":{"metadata":{"labels":{"app":"api"}},"spec":{"image":"v9"}}}])");
  json::Value there =
      parsed("{metadata: {uid: u1}, spec: {template: {metadata: {labels: {app: api}}, spec: {image: v9}}}}");
  EXPECT_FALSE(undo_rollout(kApi, there, sets)->call) << "the template is that one already";
  json::Value referring = parsed("{metadata: {uid: u1}, spec: {workloadRef: {kind: Deployment, name: api-deploy}}}");
  EXPECT_EQ(undo_rollout(kApi, referring, sets)->call->path, "/apis/apps/v1/namespaces/shop/deployments/api-deploy");
  EXPECT_EQ(error_of(undo_rollout(
                kApi, parsed("{metadata: {uid: u1}, spec: {workloadRef: {kind: PodTemplate, name: x}}}"), sets)),
            "the Rollout's pods come from a PodTemplate, not from a Deployment");
  EXPECT_EQ(error_of(undo_rollout(
                kApi, parsed("{metadata: {uid: u1}, spec: {workloadRef: {kind: Deployment, name: --token=x}}}"), sets)),
            "\"--token=x\" is no name of a Deployment");
  EXPECT_EQ(error_of(undo_rollout(kApi, parsed("{metadata: {uid: other}}"), sets)),
            "there is no earlier revision to go back to");
  EXPECT_EQ(error_of(undo_rollout(kApi, rollout, parsed("{}"))), "expected a list of ReplicaSets");
}

TEST(Undo, OfADeployment) {
  constexpr const char *kHash = "pod-template-hash", *kRevision = "deployment.kubernetes.io/revision";
  json::Value sets = parsed("{items: [" + replica_set("u1", "1", "v1", kHash, kRevision) + ", " +
                            replica_set("u1", "2", "v2", kHash, kRevision) + "]}");
  Undo undo = *undo_deployment(kApi, parsed("{metadata: {uid: u1}, spec: {template: {spec: {image: v2}}}}"), sets);
  EXPECT_EQ(undo.call->path, "/apis/apps/v1/namespaces/shop/deployments/api");
  EXPECT_EQ(undo.revision, 1);
  EXPECT_EQ(json::write(undo.call->body).find("pod-template-hash"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::argo
