#include "run/session/cluster/prepare_cluster.h"

#include <gtest/gtest.h>

namespace ordeal::session {
namespace {

cluster::ExperimentObject object(const std::string& spec) {
  json::Value value = json::Object{
      {"metadata", json::Object{{"name", "slow"}, {"namespace", "shop"}, {"uid", "uid-1"}, {"resourceVersion", "7"}}},
      {"spec", json::parse(spec).value()}};
  return cluster::experiment_object_from_json(std::move(value)).value();
}

std::string spec(const std::string& more = "", const std::string& percentage = "") {
  return R"({"target":{"type":"kubernetes","namespace":"shop","labels":{"app":"api"})" + percentage +
         R"(},"attack":{"type":"latency","args":{"delay":"100ms","port":8000}},"length":"20s")" + more + "}";
}

cluster::View shop(int pods) {
  cluster::View view;
  for (int i = 0; i < pods; ++i) {
    cluster::Pod pod;
    pod.namespace_ = "shop";
    pod.name = "api-" + std::to_string(i);
    pod.uid = "uid-" + pod.name;
    pod.labels = {{"app", "api"}};
    pod.node = "node-1";
    pod.phase = "Running";
    pod.ready = true;
    pod.ip = "10.0.0." + std::to_string(i);
    pod.containers = {{"app", "c-" + pod.name, true, true}};
    view.pods.push_back(std::move(pod));
  }
  cluster::Node node;
  node.name = "node-1";
  node.uid = "uid-node-1";
  node.ready = true;
  view.nodes.push_back(node);
  return view;
}

Result<ClusterPrepared> prepared(const std::string& text, const std::string& policy, int pods = 10) {
  auto read = read_cluster_experiment(object(text), 7);
  if (!read) return tl::unexpected(read.error());
  cluster::View view = shop(pods);
  return prepare_cluster(std::move(*read), {"shop", "ordeal", view, policy, "policy", {}});
}

std::string refusal(const Result<ClusterPrepared>& result) { return result ? "no refusal" : result.error().message(); }

constexpr const char* kPolicy = "blast_radius: {namespaces: [shop]}\n";

TEST(PrepareClusterTest, ChoosesTheVictims) {
  auto one = prepared(spec("", R"(,"percentage":50)"), kPolicy);
  ASSERT_TRUE(one) << refusal(one);
  EXPECT_EQ(one->victims.size(), 5u);
  EXPECT_EQ(one->targets.size(), 5u);
  EXPECT_EQ(one->targets[0].node, "node-1");
  EXPECT_EQ(one->choice.candidates, 10);
  EXPECT_FALSE(one->one_way());
  EXPECT_EQ(plan_json(*one).at("victims").as_array().size(), 5u);
}

TEST(PrepareClusterTest, RefusesByItsRule) {
  auto outside = prepared(spec(), "blast_radius: {namespaces: [other]}\n");
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::kRefused);
  auto capped = prepared(spec(), "blast_radius: {namespaces: [shop]}\ncaps: {max_targets: 3}\n");
  ASSERT_FALSE(capped);
  EXPECT_EQ(capped.error().code, Errc::kRefused);
  EXPECT_NE(refusal(capped).find("max_targets"), std::string::npos) << refusal(capped);
}

TEST(PrepareClusterTest, RunsNoProgramsForWhoeverMayWriteAnExperiment) {
  auto probe =
      prepared(spec(R"(,"expect":[{"name":"x","probe":{"command":["true"]},"condition":"result == 0"}])"), kPolicy);
  EXPECT_NE(refusal(probe).find("spec.expect[0].probe.command"), std::string::npos) << refusal(probe);
  auto rollback = prepared(spec(R"(,"rollback":[{"command":["true"]}])"), kPolicy);
  EXPECT_NE(refusal(rollback).find("spec.rollback[0].command"), std::string::npos) << refusal(rollback);
}

TEST(PrepareClusterTest, WhatOnlyLooksNeedsNoCluster) {
  auto look = prepared(
      R"({"name":"x","target":{"type":"host"},"attack":{"type":"certificate_expiry","args":{"hosts":"a"}}})", kPolicy);
  EXPECT_NE(refusal(look).find("spec.attack.type: it only looks"), std::string::npos) << refusal(look);
}

TEST(PrepareClusterTest, WhetherItCanBeUndoneIsAskedOfTheseArguments) {
  for (auto [signal, one_way] : {std::pair("kill", true), std::pair("stop", false)}) {
    Attack attack{"process_killer", {{"process", "sh"}, {"signal", signal}}};
    auto fault = fault::resolve(attack);
    ASSERT_TRUE(fault);
    EXPECT_EQ(facts_of(**fault, attack).one_way, one_way) << signal;
  }
}

TEST(PrepareClusterTest, ARollbackStaysInTheExperimentsNamespace) {
  auto elsewhere = prepared(spec(R"(,"rollback":[{"deployment":{"name":"api","namespace":"other"}}])"), kPolicy);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, Errc::kRefused);
  auto own = prepared(spec(R"(,"rollback":[{"deployment":{"name":"api"}}])"), kPolicy);
  ASSERT_TRUE(own) << refusal(own);
  EXPECT_EQ(std::get<DeploymentAction>(own->experiment.rollback->at(0).what).namespace_, "shop");
}

TEST(PrepareClusterTest, ScrapesTheVictimsThemselves) {
  auto one = prepared(
      spec(R"(,"sources":{"pods":{"port":"8080"}},"expect":[{"name":"up","query":"up","condition":"result > 0"}])"),
      kPolicy, 2);
  ASSERT_TRUE(one) << refusal(one);
  ASSERT_EQ(one->experiment.sources.scrape.size(), 2u);
  EXPECT_EQ(one->experiment.sources.scrape[0].url, "http://10.0.0.0:8080/metrics");
}

TEST(PrepareClusterTest, KnowsWhichSecretsItNeeds) {
  auto read = read_cluster_experiment(
      object(spec(R"(,"sources":{"prometheus":"https://prom:9090","access":{"token":{"name":"prom","key":"token"},
        "tenant":"shop"}},"expect":[{"name":"up","query":"up","condition":"result > 0"}])")),
      7);
  ASSERT_TRUE(read) << read.error().message();
  auto keys = secrets_of(read->experiment);
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(to_text(keys[0]), "prom/token");
  watch::SourceLogin login = login_of(read->experiment, {{"prom/token", "s3cret"}});
  EXPECT_EQ(login.token, "s3cret");
  EXPECT_EQ(login.tenant, "shop");
  EXPECT_EQ(json::write(to_json(read->experiment)).find("s3cret"), std::string::npos);
}

TEST(PrepareClusterTest, TheFloorOfRunningPodsIsWatched) {
  auto one = prepared(spec("", R"(,"count":2)"), std::string(kPolicy) + "caps: {min_running: 5}\n");
  ASSERT_TRUE(one) << refusal(one);
  EXPECT_TRUE(has_floor(*one));
  EXPECT_EQ(broken_floor(*one, shop(10)), "");
  EXPECT_NE(broken_floor(*one, shop(3)), "");
}

}  // namespace
}  // namespace ordeal::session
