#include "run/session/cluster_keys.h"

#include <gtest/gtest.h>

namespace ordeal::session {
namespace {

std::string refusal(const std::string& more) {
  std::string text = "name: x\nattack: {type: cpu}\n" + more;
  Experiment experiment = decode_experiment(json::parse_document(text).value()).value();
  auto done = refuse_cluster_keys(experiment);
  return done ? "allowed" : done.error().what;
}

TEST(ClusterKeys, EachIsRefusedByNameOnAHost) {
  auto only = [](const std::string& field) { return field + ": only a cluster has it, and this is a host"; };
  EXPECT_EQ(refusal("target: {type: node, name: a}"), only("target.type"));
  for (const char* key : {"selector: a=b", "workload: deploy/api", "container: web", "zone: a", "node: n",
                          "exclude: {name: a}", "ready: true", "follow: true"}) {
    std::string field(key, std::string(key).find(':'));
    EXPECT_EQ(refusal("target: {type: container, " + std::string(key) + "}"), only("target." + field));
  }
  const std::string target = "target: {type: container, name: web}\n";
  EXPECT_EQ(refusal(target + "environment: staging"), only("environment"));
  EXPECT_EQ(refusal(target + "all_traffic: true"), only("all_traffic"));
  EXPECT_EQ(refusal(target + "sources: {pods: {port: 80}}"), only("sources.pods"));
  EXPECT_EQ(refusal(target + "sources: {prometheus: 'http://p', access: {token: {name: a, key: b}}}"),
            only("sources.access"));
  EXPECT_EQ(refusal(target), "allowed");
  EXPECT_EQ(refusal("target: {type: kubernetes, namespace: staging, labels: {app: x}}"), "allowed");
}

TEST(ClusterKeys, TheyAreLookedForInEachOfSeveralAttacks) {
  for (size_t at : {0, 1}) {
    std::string parts[] = {"{attack: {type: cpu}, target: {type: container, name: a}}",
                           "{attack: {type: pause}, target: {type: container, name: b}}"};
    parts[at].insert(parts[at].size() - 2, ", exclude: {name: c}");
    json::Document document = json::parse_document("name: x\nattacks: [" + parts[0] + ", " + parts[1] + "]\n").value();
    auto done = refuse_cluster_keys(decode_experiment(document).value());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().what,
              "attacks[" + std::to_string(at) + "].target.exclude: only a cluster has it, and this is a host");
  }
}

TEST(ClusterKeys, OnlyAHostHasSeveralAttacksPulsesAndRamps) {
  auto refusal = [](const std::string& more) {
    json::Document document = json::parse_document("name: x\ntarget: {type: host}\n" + more).value();
    auto done = refuse_host_keys(decode_experiment(document).value());
    return done ? "allowed" : done.error().what;
  };
  EXPECT_EQ(refusal("attack: {type: cpu}"), "allowed");
  EXPECT_EQ(refusal("attacks: [{attack: {type: cpu}}]"), "attacks: only a host does it, and this is a cluster");
  EXPECT_EQ(refusal("attack: {type: cpu}\npulse: {on: 1s, off: 1s}"),
            "pulse: only a host does it, and this is a cluster");
  EXPECT_EQ(refusal("attack: {type: cpu}\nramp: {argument: percent, to: 5}"),
            "ramp: only a host does it, and this is a cluster");
}

TEST(ClusterKeys, APolicyThatWouldLimitNobodyIsRefused) {
  auto refusal = [](const char* text) {
    auto done = refuse_cluster_keys(decode_policy(json::parse_document(text).value(), "p").value());
    return done ? "allowed" : done.error().what;
  };
  for (const char* key : {"max_namespace_percent: 5", "max_cluster_percent: 5", "min_running: 2", "min_running: 50%"}) {
    std::string field(key, std::string(key).find(':'));
    EXPECT_EQ(refusal(("caps:\n  " + std::string(key)).c_str()),
              "p: caps." + field + ": only a cluster has it, and here it would limit nobody");
  }
  EXPECT_EQ(refusal("environment: a\nrequire_environment: true"),
            "p: require_environment: only a cluster has it, and here it would limit nobody");
  EXPECT_EQ(refusal("environment: a\nrequire_all_traffic: false\ncross_namespace: true"), "allowed");
}

}  // namespace
}  // namespace ordeal::session
