#include "interop/argo/objects/manifest.h"
#include "interop/argo/testing.h"

namespace ordeal::argo {
namespace {

TEST(Manifest, TheExampleIsRead) {
  Manifest manifest = manifest_of(kExampleRollout);
  ASSERT_EQ(manifest.rollouts.size(), 1u);
  const Rollout& rollout = manifest.rollouts[0];
  EXPECT_EQ(rollout.name, "fastapi-backend");
  ASSERT_EQ(rollout.steps.size(), 5u);
  EXPECT_EQ(rollout.steps[0].weight, 20);
  EXPECT_EQ(*pause_length(rollout.steps[1]), 2min);
  EXPECT_EQ(rollout.background->args[0].value, "0.01");
  ASSERT_EQ(manifest.templates.size(), 1u);
  EXPECT_EQ(manifest.templates[0].metrics[0].name, "error-rate");
  EXPECT_EQ(line_in(manifest.templates[0].metrics[0].origin, "interval"), 33);
  EXPECT_EQ(manifest.find({"error-rate-analysis", false, {}}), &manifest.templates[0]);
}

TEST(Manifest, ARealRolloutHasMuchMoreInIt) {
  Manifest manifest = manifest_of(R"(
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {ports: [{port: 80}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: api, namespace: shop, labels: {a: b}, annotations: {rollout.argoproj.io/revision: "3"}}
spec:
  replicas: 4
  revisionHistoryLimit: 2
  selector: {matchLabels: {app: api}}
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: api, scaleDown: onsuccess}
  strategy:
    canary:
      canaryService: api-canary
      stableService: api-stable
      dynamicStableScale: true
      trafficRouting: {nginx: {stableIngress: api}, maxTrafficWeight: 1000}
      maxSurge: "25%"
      analysis:
        startingStep: 2
        templates: [{templateName: rate}, {templateName: latency, clusterScope: true}]
        dryRun: [{metricName: "lat.*"}]
        measurementRetention: [{metricName: rate, limit: 20}]
        analysisRunMetadata: {labels: {team: shop}}
        args:
        - {name: hash, valueFrom: {podTemplateHashValue: Latest}}
        - {name: where, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
      steps:
      - setWeight: 500
      - setCanaryScale: {weight: 25}
        setHeaderRoute: {name: x}
      - pause: {}
      - analysis: {templates: [{templateName: rate}]}
      - experiment: {templates: [{name: a, specRef: canary}]}
      - plugin: {name: my/step}
status: {phase: Healthy}
)");
  EXPECT_EQ(manifest.ignored, std::vector<std::string>{"Service api"});
  const Rollout& rollout = manifest.rollouts.at(0);
  EXPECT_EQ(rollout.namespace_, "shop");
  EXPECT_EQ(rollout.max_weight, 1000);
  EXPECT_TRUE(rollout.dynamic_stable_scale && rollout.traffic_routing);
  EXPECT_EQ(rollout.workload->name, "api");
  EXPECT_EQ(rollout.background->starting_step, 2);
  EXPECT_TRUE(rollout.background->templates[1].cluster);
  EXPECT_EQ(rollout.background->retention[0].limit, 20);
  EXPECT_EQ(rollout.steps[1].kind, "setCanaryScale");
  EXPECT_EQ(*pause_length(rollout.steps[2]), std::nullopt) << "for ever";
  EXPECT_TRUE(rollout.steps[3].analysis);
}

TEST(Manifest, ABlueGreenRolloutHasAnalysesBeforeAndAfter) {
  Manifest manifest = manifest_of(
      "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec: {strategy: {blueGreen: "
      "{activeService: a, autoPromotionEnabled: false, prePromotionAnalysis: {templates: [{templateName: smoke}]}, "
      "postPromotionAnalysis: {templates: [{templateName: rate}]}}}}\n");
  EXPECT_EQ(manifest.rollouts[0].pre_promotion->templates[0].name, "smoke");
  EXPECT_EQ(manifest.rollouts[0].post_promotion->templates[0].name, "rate");
}

TEST(Manifest, AnAnalysisRunHasWhatARunHas) {
  Manifest manifest = manifest_of(
      "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {generateName: run-}\nspec: {terminate: true, "
      "ttlStrategy: {secondsAfterFailure: 60}, metrics: [{name: m, provider: {web: {url: x}}}]}\n");
  EXPECT_TRUE(manifest.runs.at(0).terminate);
  Manifest other;
  EXPECT_EQ(
      error_of(add_document(
          other, *json::parse_document("apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {name: "
                                       "x}\nspec: {ttlStrategy: {secondsAfterFailure: soon}}\n"))),
      "line 4: spec.ttlStrategy.secondsAfterFailure: expected a whole number from 0 to 2147483647, found \"soon\"");
}

TEST(Manifest, UnfoldsAList) {
  Manifest manifest = manifest_of(
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: argoproj.io/v1alpha1\n  kind: AnalysisTemplate\n"
      "  metadata: {name: t}\n  spec: {metrics: [{name: m, provider: {prometheus: {query: up}}}]}\n- apiVersion: v1\n"
      "  kind: List\n  items: [{apiVersion: v1, kind: Service, metadata: {name: shop}}]\n");
  EXPECT_EQ(line_in(manifest.templates.at(0).origin, "spec.metrics[0]"), 7);
  EXPECT_EQ(manifest.ignored, std::vector<std::string>{"Service shop"});
}

TEST(Manifest, KnowsAGeneratedName) {
  auto generated = [](const char* metadata) {
    return manifest_of(std::string("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {") + metadata +
                       "}\nspec: {strategy: {canary: {}}}\n")
        .rollouts.at(0)
        .generated_name;
  };
  EXPECT_TRUE(generated("generateName: api-"));
  EXPECT_FALSE(generated("name: api"));
}

struct Bad {
  std::string text;
  const char* error;
};
std::string object(const char* kind, const std::string& spec) {
  return std::string("apiVersion: argoproj.io/v1alpha1\nkind: ") + kind + "\nmetadata: {name: x}\nspec: " + spec + "\n";
}

TEST(Manifest, RefusesWithLineFieldAndTheNearestName) {
  // clang-format off
  const Bad kBad[] = {
      {object("AnalysisTemplate", "{metric: []}"), "line 4: spec.metric: unknown key \"metric\"; did you mean \"metrics\"?"},
      {template_text("succesCondition: x"), "line 6: spec.metrics[0].succesCondition: unknown key \"succesCondition\"; did you mean \"successCondition\"?"},
      {object("AnalysisTemplate", "{metrics: [{name: a, provider: {prometeus: {query: up}}}]}"), "line 4: spec.metrics[0].provider.prometeus: unknown key \"prometeus\"; did you mean \"prometheus\"?"},
      {object("AnalysisTemplate", "{metrics: [{name: a, provider: {prometheus: {adress: x, query: up}}}]}"), "line 4: spec.metrics[0].provider.prometheus.adress: unknown key \"adress\"; did you mean \"address\"?"},
      {object("AnalysisTemplate", "{args: [{name: a, value: 0.01}]}"), "line 4: spec.args[0].value: expected text (in quotes, since Argo takes texts only), found 0.01"},
      {object("AnalysisTemplate", "{args: [{name: a}, {name: a}]}"), "line 4: spec.args[1]: the argument \"a\" is given twice"},
      {object("Rollout", "{strategy: {}}"), "line 4: spec.strategy: expected exactly one of canary and blueGreen"},
      {object("Rollout", "{strategy: {canary: {steps: [{setWeigth: 5}]}}}"), "line 4: spec.strategy.canary.steps[0].setWeigth: unknown key \"setWeigth\"; did you mean \"setWeight\"?"},
      {object("Rollout", "{strategy: {canary: {steps: [{pause: {duration: [1]}}]}}}"), "line 4: spec.strategy.canary.steps[0].pause.duration: expected whole seconds, or a duration such as 30s, found [1]"},
      {object("Rollout", "{strategy: {canary: {analysis: {templates: [{name: x}]}}}}"), "line 4: spec.strategy.canary.analysis.templates[0].name: unknown key \"name\"; known keys: templateName, clusterScope"},
      {"apiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {name: x}\nspec: {}\n", "line 1: apiVersion: expected argoproj.io/v1alpha1, found \"argoproj.io/v1\""},
      {"metadata: {name: x}\n", "line 1: expected an object with apiVersion and kind"},
      {template_text("interval: 60").replace(0, 0, ""), "no error"},
  };
  // clang-format on
  for (const Bad& bad : kBad) {
    Manifest manifest;
    EXPECT_EQ(error_of(add_document(manifest, json::parse_documents(bad.text)->at(0))), bad.error) << bad.text;
  }
  Manifest twice = manifest_of(template_text("interval: 1m"));
  EXPECT_EQ(error_of(add_document(twice, *json::parse_document(template_text("interval: 1m")))),
            "line 1: there are two AnalysisTemplates of the name \"t\"");
}

TEST(Metric, IsDecodedOnceItsArgumentsAreFilledIn) {
  Metric metric = metric_of("count: \"3\"\nfailureLimit: 1\ninterval: 30s\nconsecutiveSuccessLimit: \"2\"\n");
  EXPECT_EQ(metric.count, 3);
  EXPECT_EQ(metric.failure_limit, 1);
  EXPECT_EQ(metric.consecutive_success_limit, 2);
  EXPECT_EQ(error_of(decode_fields("count: many\n")), "line 3: count: expected a whole number, found \"many\"");
  EXPECT_EQ(error_of(decode_fields("interval: 60\n")), "line 3: interval: expected text, found 60");
}

TEST(Manifest, FollowsTemplatesOfTemplatesOnce) {
  std::string refs =
      "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: all}\nspec: {templates: "
      "[{templateName: a}, {templateName: b}, {templateName: a}]}\n---\n";
  Manifest manifest =
      manifest_of(refs + template_text("interval: 1m", "a") + "---\n" + template_text("interval: 1m", "b"));
  auto found = follow(manifest, {{"all", false, {}}});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 3u);
  EXPECT_EQ(error_of(follow(manifest, {{"c", true, {}}})).find("no ClusterAnalysisTemplate of the name \"c\"") !=
                std::string::npos,
            true);
  Manifest loop = manifest_of(
      "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: x}\nspec: {templates: "
      "[{templateName: x}]}\n");
  EXPECT_NE(error_of(follow(loop, {{"x", false, {}}})).find("refers to itself"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::argo
