#include "core/model/input/policy.h"

#include <gtest/gtest.h>

#include "core/model/input/inventory.h"

namespace ordeal {
namespace {

std::string refusal_of(const auto& result) { return result ? "no error" : result.error().message(); }

constexpr std::string_view kExamplePolicy = R"(
apiVersion: v1
kind: ConfigMap
metadata:
  name: gremlin-config
  namespace: gremlin
data:
  config.yaml: |
    blast_radius:
      # Only target staging environment
      namespaces: ["staging"]
      labels:
        environment: "staging"
        chaos-enabled: "true"

    # Protect production and critical services
    protected:
      namespaces: ["production", "kube-system"]
      labels:
        chaos-enabled: "false"
)";

Policy example() { return *decode_policy(*json::parse_document(kExamplePolicy), "policy.yaml"); }

Victim victim(std::string space, Labels labels) {
  Victim v;
  v.name = "v";
  v.namespace_ = std::move(space);
  v.labels = std::move(labels);
  return v;
}

std::string rule(const Policy& policy, const Victim& v) {
  auto refusal = refusal_of(policy, v);
  return refusal ? refusal->rule : "allowed";
}

TEST(Policy, AConfigMapIsRead) {
  Labels good{{"environment", "staging"}, {"chaos-enabled", "true"}};
  EXPECT_EQ(rule(example(), victim("staging", good)), "allowed");
  EXPECT_EQ(rule(example(), victim("other", good)), "policy.yaml: blast_radius.namespaces does not list \"other\"");
  EXPECT_EQ(rule(example(), victim("staging", {{"environment", "staging"}})),
            "policy.yaml: blast_radius.labels asks for chaos-enabled=true");
  EXPECT_EQ(rule(example(), victim("production", good)), "policy.yaml: protected.namespaces lists \"production\"");
}

TEST(Policy, ProtectionWinsOverScope) {
  Policy policy = *decode_policy(
      *json::parse_document("blast_radius: {namespaces: [a]}\nprotected: {namespaces: [a], labels: {keep: yes}}\n"),
      "p");
  EXPECT_EQ(rule(policy, victim("a", {})), "p: protected.namespaces lists \"a\"");
  EXPECT_EQ(rule(policy, victim("b", {{"keep", "yes"}})), "p: protected.labels lists keep=yes");
}

TEST(Policy, APercentageNeverTakesMoreThanItsShare) {
  for (int64_t n = 0; n <= 1000; ++n)
    for (int p = 0; p <= 100; ++p) {
      int64_t taken = take_percent(n, p);
      ASSERT_LE(taken * 100, n * p) << n << " at " << p;
      ASSERT_GT((taken + 1) * 100, n * p) << n << " at " << p;
    }
}

TEST(Policy, CapsAddUpOverRunsAndNeverBreak) {
  Policy policy = *decode_policy(*json::parse_document("caps: {max_targets: 10, max_percent: 30, max_runs: 2}"), "p");
  for (int64_t active = 0; active <= 12; ++active)
    for (int64_t chosen = 1; chosen <= 12; ++chosen) {
      bool broken = cap_broken(policy, {1, active}, chosen, 1000).has_value();
      ASSERT_EQ(broken, active + chosen > 10) << active << " and " << chosen;
    }
  EXPECT_EQ(*cap_broken(policy, {2, 0}, 1, 100), "p: caps.max_runs is 2 and 2 already run");
  EXPECT_EQ(*cap_broken(policy, {0, 0}, 4, 10),
            "p: caps.max_percent is 30, so 3 of 10 may be hit, and 4 are asked for");
}

TEST(Policy, BadFilesNameTheField) {
  auto error = [](std::string_view text) { return refusal_of(decode_policy(*json::parse_document(text), "p")); };
  EXPECT_EQ(error("blast_radius: {}"), "line 1: blast_radius: names no namespace and no label, so it has no effect");
  EXPECT_EQ(error("protectd: {}"), "line 1: protectd: unknown key \"protectd\"; did you mean \"protected\"?");
  EXPECT_EQ(error("caps: {max_percent: 200}"), "line 1: caps.max_percent: expected a number from 0 to 100, found 200");
  EXPECT_EQ(error("kind: ConfigMap\ndata: {config.yaml: 'caps: {max_runs: -1}'}"),
            "data.config.yaml: line 1: caps.max_runs: expected a whole number from 0 to 1000000, found -1");
  EXPECT_EQ(error("kind: Secret\ndata: {}"), "line 1: kind: expected ConfigMap, found \"Secret\"");
}

TEST(Policy, WhatHoldsInAClusterIsRead) {
  Policy policy = *decode_policy(
      *json::parse_document("caps: {max_namespace_percent: 20, max_cluster_percent: 5.5, min_running: 3}\nenvironment: "
                            "staging\nrequire_environment: true\nrequire_all_traffic: false\ncross_namespace: true\n"),
      "p");
  EXPECT_EQ(policy.max_namespace_percent, 20);
  EXPECT_EQ(policy.max_cluster_percent, 5.5);
  EXPECT_EQ(policy.min_running, 3);
  EXPECT_EQ(policy.environment, "staging");
  EXPECT_TRUE(policy.require_environment && policy.cross_namespace);
  EXPECT_FALSE(policy.require_all_traffic);
  Policy share = *decode_policy(*json::parse_document("caps: {min_running: 50%}"), "p");
  EXPECT_EQ(share.min_running_percent, 50);
  EXPECT_FALSE(share.min_running);
  Policy plain = *decode_policy(*json::parse_document("caps: {max_runs: 1}"), "p");
  EXPECT_FALSE(plain.max_namespace_percent || plain.max_cluster_percent || plain.min_running);
  EXPECT_TRUE(plain.require_all_traffic);
  EXPECT_FALSE(plain.require_environment || plain.cross_namespace);
}

TEST(Inventory, NamesEachCandidateInOneWay) {
  auto decode = [](std::string_view text) { return decode_inventory(*json::parse_document(text)); };
  auto entries = *decode("- {name: api-1, kind: pod, namespace: staging, labels: {app: x}, cgroup: /shop/api-1}\n");
  EXPECT_EQ(entries[0].cgroup, "/shop/api-1");
  EXPECT_EQ(refusal_of(decode("- {name: a, kind: pod}\n")),
            "line 1: [0]: expected exactly one of cgroup, pid and match");
  EXPECT_EQ(refusal_of(decode("- {name: a, kind: pod, pid: 7}\n- {name: a, kind: pod, pid: 8}\n")),
            "line 2: [1]: the name \"a\" is given twice");
  EXPECT_EQ(refusal_of(decode("- {name: a, kind: vm, pid: 7}\n")),
            "line 1: [0].kind: expected one of pod, container, process, found \"vm\"");
  EXPECT_EQ(refusal_of(decode("- {name: a, kind: process, pid: 1}\n")),
            "line 1: [0].pid: expected a whole number from 2 to 4194304, found 1");
}

}  // namespace
}  // namespace ordeal
