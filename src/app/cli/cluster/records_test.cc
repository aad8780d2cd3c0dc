#include "app/cli/cluster/records.h"

#include <gtest/gtest.h>

#include "app/cli/cluster/release.h"
#include "core/json/yaml.h"
#include "platform/kube/access/base64.h"

namespace ordeal::cli {
namespace {

json::Value yaml(const std::string& text) { return json::parse_yaml(text).value().value; }

TEST(ClusterRuns, ARunIsAnExperimentWithAStatus) {
  FoundRun run = found_run_of(
      yaml("{metadata: {name: slow, namespace: shop, creationTimestamp: 2026-11-23T20:15:00Z}, spec: {name: Slow API}, "
           "status: {run: r1, started: 2026-11-23T20:15:04Z, verdict: deviated, exit: 1, conditions: [{type: Complete, "
           "status: 'True'}]}}"));
  EXPECT_EQ(run.run, "r1");
  EXPECT_EQ(run.name, "Slow API");
  EXPECT_EQ(run.started, "2026-11-23T20:15:04Z");
  EXPECT_EQ(run.verdict, "deviated");
  EXPECT_EQ(run.exit, 1);
  EXPECT_TRUE(run.complete);
}

TEST(ClusterRuns, BeforeTheEndItRunsOrWaits) {
  FoundRun waits = found_run_of(yaml("{metadata: {name: slow, creationTimestamp: 2026-11-23T20:15:00Z}}"));
  EXPECT_EQ(waits.verdict, "waiting");
  EXPECT_EQ(waits.name, "slow");
  EXPECT_EQ(waits.started, "2026-11-23T20:15:00Z");
  EXPECT_FALSE(waits.exit);
  FoundRun runs =
      found_run_of(yaml("{metadata: {name: slow}, status: {run: r1, conditions: [{type: Complete, status: "
                        "'False'}]}}"));
  EXPECT_EQ(runs.verdict, "running");
  EXPECT_FALSE(runs.complete);
}

TEST(ClusterRuns, ASelectorMeansOneRun) {
  std::vector<FoundRun> runs(3);
  runs[0].run = "r20261124t000000z-aaaaa";
  runs[2].run = "r20261123t000000z-bbbbb";  // the one between was never admitted
  EXPECT_EQ(choose_run(runs, "last")->run, runs[0].run);
  EXPECT_EQ(choose_run(runs, "r20261123")->run, runs[2].run);
  EXPECT_EQ(choose_run(runs, "r2026").error().code, Errc::kInvalidInput);
  EXPECT_EQ(choose_run(runs, "r2025").error().code, Errc::kNotFound);
  EXPECT_EQ(choose_run({}, "last").error().code, Errc::kNotFound);
}

TEST(ClusterRuns, WhatTheControllerSaysCountsMoreThanAPartOfTheRecord) {
  auto reported = [](const std::string& status) {
    FoundRun run = found_run_of(yaml("{metadata: {name: slow, namespace: shop}, status: {run: r1, reason: it broke, " +
                                     status + ", conditions: [{type: Complete, status: 'True'}]}}"));
    RunEvent ended;
    ended.data = events::Ended{{Outcome::kHeld, "all held", ""}};
    store::RecordedRun recorded;
    recorded.events = {ended};
    prefer_status(run, recorded);
    return as<events::Ended>(recorded.events.back())->verdict;
  };
  Verdict forged = reported("verdict: revert_failed, exit: 6");
  EXPECT_EQ(forged.outcome, Outcome::kRevertFailed);
  EXPECT_EQ(forged.reason, "it broke");
  EXPECT_NE(forged.hint.find("the record says held"), std::string::npos) << forged.hint;
  EXPECT_EQ(reported("verdict: held, exit: 0").reason, "all held");
}

TEST(ClusterRuns, APartIsNumberedByItsNameAndHasOneKey) {
  std::string data = kube::encode_base64("bytes");
  auto part = part_of(yaml("{metadata: {name: ordeal-r1-12}, binaryData: {any: " + data + "}}"));
  ASSERT_TRUE(part);
  EXPECT_EQ(part->index, 12);
  EXPECT_EQ(part->gzip, "bytes");
  EXPECT_FALSE(part_of(yaml("{metadata: {name: ordeal-r1}, binaryData: {any: " + data + "}}")));
  EXPECT_FALSE(part_of(yaml("{metadata: {name: r1-0}, binaryData: {any: '*'}}")));
  EXPECT_FALSE(part_of(yaml("{metadata: {name: r1-0}}")));
}

TEST(Release, ItsArgumentsSayItsScopeAndItsPolicy) {
  auto release = [](const std::string& args) {
    return release_of(yaml(
        "{metadata: {name: c, namespace: chaos}, spec: {template: {spec: {containers: [{args: " + args + "}]}}}}"));
  };
  Release usual = release("[controller, --scope, cluster]");
  EXPECT_TRUE(usual.whole_cluster);
  EXPECT_FALSE(usual.may_roll_back);
  EXPECT_EQ(usual.policy_namespace + "/" + usual.policy_name, "chaos/ordeal-config");
  Release other = release("[--scope=namespace, --rollback, --policy-configmap, gremlin/gremlin-config]");
  EXPECT_FALSE(other.whole_cluster);
  EXPECT_TRUE(other.may_roll_back);
  EXPECT_EQ(other.policy_namespace + "/" + other.policy_name, "gremlin/gremlin-config");
}

}  // namespace
}  // namespace ordeal::cli
