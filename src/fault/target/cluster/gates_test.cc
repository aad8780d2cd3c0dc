#include "fault/target/cluster/gates.h"

#include <gtest/gtest.h>

#include "core/base/text/text.h"
#include "fault/target/cluster/described.h"
#include "fault/target/cluster/made_up.h"

namespace ordeal::target {
namespace {

// An attack on the pods "api" of staging, of which there are ten, beside thirty others and sixty of other namespaces.
struct Case {
  std::string policy;
  std::string target = "{type: kubernetes, namespace: staging, labels: {app: api}}";
  std::string more;  // of the experiment
  AttackFacts facts{};
  ClusterLoad others{};
  std::string home = "staging";
};

cluster::View gated_view() {
  cluster::View view = made_up_view("staging", "api", 10, {{"app", "api"}});
  for (const char* space : {"staging", "shop", "shop"})
    for (int i = 0; i < 30; ++i)
      view.pods.push_back(made_up_pod(space, fmt::format("other-{}", view.pods.size()), {{"app", "other"}}));
  return view;
}

Gates gates_of(const Case& asked, const cluster::View& view) {
  ClusterRules rules{{policy_of(asked.policy)}, asked.home, "ordeal", asked.facts.hits_network, false};
  Experiment experiment = experiment_of(asked.target, asked.more);
  ClusterChoice choice = choose_in_cluster(experiment.target, view, rules, 1).value();
  return judge_gates(experiment, asked.facts, rules, view, choice, asked.others).value();
}

std::string refused(const Case& asked) {
  std::vector<std::string> sentences;
  if (auto beyond = beyond_home(experiment_of(asked.target).target, {{policy_of(asked.policy)}, asked.home, "", false}))
    sentences.push_back(beyond->sentence);
  for (const GateRefusal& refusal : gates_of(asked, gated_view()).refusals) sentences.push_back(refusal.sentence);
  return sentences.empty() ? "allowed" : join(sentences, "; ");
}

TEST(Gates, AllAreOpenWhereNoneIsSet) {
  EXPECT_EQ(refused({.policy = "caps: {}"}), "allowed");
  EXPECT_EQ(refused({.policy = "caps: {}", .facts = {.one_way = true}}), "allowed");
}

TEST(Gates, AShareOfTheNamespaceIsOfAllActiveRuns) {
  EXPECT_EQ(refused({.policy = "caps: {max_namespace_percent: 25}"}), "allowed") << "10 of 40";
  EXPECT_EQ(refused({.policy = "caps: {max_namespace_percent: 25}", .others = {1, 1, {{"staging", 1}}}}),
            "policy: caps.max_namespace_percent is 25, so 10 of the 40 running pods of staging may be hit; 1 are hit "
            "already and 10 more are asked for");
  EXPECT_EQ(refused({.policy = "caps: {max_namespace_percent: 25}", .others = {1, 60, {{"shop", 60}}}}), "allowed")
      << "others' pods are in another namespace";
}

TEST(Gates, AShareOfTheClusterToo) {
  EXPECT_EQ(refused({.policy = "caps: {max_cluster_percent: 10}"}), "allowed") << "10 of 100";
  EXPECT_EQ(
      refused({.policy = "caps: {max_cluster_percent: 9.99}"}),
      "policy: caps.max_cluster_percent is 9.99, so 9 of the 100 running pods of the cluster may be hit; 0 are hit "
      "already and 10 more are asked for");
  EXPECT_EQ(refused({.policy = "caps: {max_cluster_percent: 50}", .others = {2, 41, {{"shop", 20}, {"staging", 21}}}})
                .substr(0, 35),
            "policy: caps.max_cluster_percent is");
}

TEST(Gates, APodIsCountedOnceHoweverManyOfItsContainersAreHit) {
  cluster::View view = gated_view();
  for (cluster::Pod& pod : view.pods) {
    pod.containers.push_back(pod.containers[0]);
    pod.containers.back().name = "second";
    pod.containers.back().id = std::string(64, 'c');
  }
  Case both{.policy = "caps: {max_namespace_percent: 25, max_targets: 20}",
            .target = "{type: container, labels: {app: api}}"};
  EXPECT_TRUE(gates_of(both, view).refusals.empty());
}

TEST(Gates, WithANodeThePodsOnItAreHitForOtherRunsToo) {
  cluster::View view = gated_view();
  ClusterLoad load;
  add_victim(load, {"node", "", "", "uid-node-1", "", ""}, "node-1");
  add_victim(load, {"pod", "staging", "api-001", "uid-api-001", "", ""}, "node-1");
  add_victim(load, {"container", "shop", view.pods[50].name, view.pods[50].uid, "main", "1"}, "node-1");
  add_victim(load, {"container", "shop", view.pods[50].name, view.pods[50].uid, "other", "2"}, "node-1");
  view.pods[1].terminating = true;
  view.pods[2].node = "node-2";
  for (const cluster::Pod& pod : view.pods) add_pod_of_node(load, pod);
  EXPECT_EQ(load.targets, 4);
  EXPECT_EQ(load.pods, (std::map<std::string, int64_t>{{"staging", 38}, {"shop", 60}})) << "each pod once";
}

TEST(Gates, CapsAddUpOverTheRunsOfTheCluster) {
  EXPECT_EQ(refused({.policy = "caps: {max_targets: 12}", .others = {1, 3, {}}}),
            "policy: caps.max_targets is 12; 3 are already hit and 10 more are asked for");
  EXPECT_EQ(refused({.policy = "caps: {max_runs: 2}", .others = {2, 0, {}}}),
            "policy: caps.max_runs is 2 and 2 already run");
  EXPECT_EQ(refused({.policy = "caps: {max_percent: 50}"}),
            "policy: caps.max_percent is 50, so 5 of 10 may be hit, and 10 are asked for");
  EXPECT_EQ(gates_of({.policy = "caps: {max_runs: 0}"}, gated_view()).refusals.at(0).rule, "policy: caps.max_runs");
}

TEST(Gates, AShareOfTheCandidatesIsOfAllRunsToo) {
  Case half{.policy = "caps: {max_percent: 50}", .target = "{type: kubernetes, labels: {app: api}, count: 4}"};
  half.others.uids = {"uid-other-10"};
  EXPECT_EQ(refused(half), "allowed") << "nobody else hits one of the candidates";
  cluster::View view = gated_view();
  ClusterChoice choice =
      choose_in_cluster(target_of(half.target), view, {{policy_of(half.policy)}, "staging", "ordeal", false}, 1)
          .value();
  half.others.uids.clear();
  for (const ClusterPick& pick : choice.chosen) half.others.uids.insert(pick.victim.uid);
  EXPECT_EQ(refused(half), "allowed") << "they are the same ones";
  for (const std::string& uid : choice.uids) half.others.uids.insert(uid);
  EXPECT_EQ(refused(half),
            "policy: caps.max_percent is 50, so 5 of 10 may be hit; 6 are already hit, and 4 are asked for");
}

TEST(Gates, TheEnvironmentMustBeTheClusters) {
  const std::string required = "environment: staging\nrequire_environment: true";
  EXPECT_EQ(refused({.policy = required}),
            "policy: require_environment: the experiment does not say its environment; this cluster is staging");
  EXPECT_EQ(refused({.policy = required, .more = "environment: staging"}), "allowed");
  EXPECT_EQ(refused({.policy = required, .more = "environment: test"}),
            "policy: require_environment: the experiment is for test, and this cluster is staging");
  EXPECT_EQ(refused({.policy = "environment: production", .more = "environment: staging"}),
            "policy: environment: the experiment is for staging, and this cluster is production");
  EXPECT_EQ(refused({.policy = "environment: production"}), "allowed") << "nothing asks";
  EXPECT_EQ(gates_of({.policy = "caps: {}", .more = "environment: a"}, gated_view()).warnings.at(0),
            "environment: no policy says what this cluster is, so nothing compares it with a");
}

TEST(Gates, ANetworkFaultNeedsAPeerOrAPortOrLeave) {
  const AttackFacts wide{.hits_network = true}, narrow{.hits_network = true, .narrowed = true};
  EXPECT_EQ(refused({.policy = "caps: {}", .facts = wide}),
            "policy: require_all_traffic: the attack has no peer and no port that narrows it, so it would hit all "
            "traffic; give "
            "it one (port, ports, source_ports, hosts, ips), or say all_traffic: true");
  EXPECT_EQ(refused({.policy = "caps: {}", .facts = narrow}), "allowed");
  EXPECT_EQ(refused({.policy = "caps: {}", .more = "all_traffic: true", .facts = wide}), "allowed");
  EXPECT_EQ(refused({.policy = "require_all_traffic: false", .facts = wide}), "allowed");
}

TEST(Gates, WhatOnlyLeavesSomeOutNarrowsNothing) {
  AttackInfo info;
  info.hits_network = true;
  auto narrowed = [&](json::Object args) {
    return facts_of(info, StepKind::kOwned, {"latency", std::move(args)}).narrowed;
  };
  EXPECT_FALSE(narrowed({}));
  EXPECT_FALSE(narrowed({{"ports", json::Array{"^53"}}}));
  EXPECT_TRUE(narrowed({{"ports", json::Array{"^53", "80"}}}));
  EXPECT_TRUE(narrowed({{"hosts", json::Array{"db"}}}));
  for (const char* ports : {"1-65535", "0-65535"}) EXPECT_FALSE(narrowed({{"port", json::Array{ports}}})) << ports;
  EXPECT_FALSE(narrowed({{"ports", json::Array{"30000-65535", "1-29999"}}}));
  EXPECT_TRUE(narrowed({{"ports", json::Array{"30001-65535", "1-29999"}}}));
  for (const char* all : {"0.0.0.0/0", "::/0", "128.0.0.0/1"}) {
    EXPECT_FALSE(narrowed({{"ips", json::Array{all}}})) << all;
    EXPECT_FALSE(narrowed({{"hosts", json::Array{"db", all}}})) << all;
    EXPECT_TRUE(narrowed({{"ips", json::Array{all}}, {"port", json::Array{"80"}}})) << all;
  }
  for (const char* some : {"10.0.0.0/8", "fc00::/7", "10.0.0.1"})
    EXPECT_TRUE(narrowed({{"ips", json::Array{some}}})) << some;
  EXPECT_TRUE(facts_of(info, StepKind::kOneWay, {"shutdown", {}}).one_way);
}

TEST(Gates, AKillLeavesTheFloorOfRunningPods) {
  const std::string half = "{type: kubernetes, labels: {app: api}, percentage: 50}";
  const AttackFacts kill{.one_way = true};
  EXPECT_EQ(refused({.policy = "caps: {min_running: 5}", .target = half, .facts = kill}), "allowed");
  EXPECT_EQ(refused({.policy = "caps: {min_running: 6}", .target = half, .facts = kill}),
            "policy: caps.min_running is 6; 10 pods that match the target run, and the attack leaves 5");
  EXPECT_EQ(refused({.policy = "caps: {min_running: 6}", .target = half}), "allowed") << "they go on running";
  EXPECT_EQ(refused({.policy = "caps: {min_running: 11}", .target = half}),
            "policy: caps.min_running is 11; 10 pods that match the target run, and the attack leaves 10");
  EXPECT_EQ(refused({.policy = "caps: {min_running: 50%}", .target = half, .facts = kill}), "allowed");
  EXPECT_EQ(refused({.policy = "caps: {min_running: 50.1%}", .target = half, .facts = kill}),
            "policy: caps.min_running is 50.1% of 10; 10 pods that match the target run, and the attack leaves 5");
}

TEST(Gates, DuringTheAttackTheFloorIsOfThoseThatRanAtTheStart) {
  std::vector<Policy> policies{policy_of("caps: {min_running: 50%}")};
  EXPECT_FALSE(below_floor(policies, 10, 5));
  EXPECT_EQ(below_floor(policies, 10, 4)->sentence,
            "policy: caps.min_running is 50% of 10, and 4 pods that match the target run");
  EXPECT_EQ(below_floor(policies, 9, 4)->rule, "policy: caps.min_running") << "a share of pods is rounded up";
  policies.push_back(policy_of("caps: {min_running: 8}"));
  EXPECT_EQ(below_floor(policies, 10, 7)->sentence,
            "policy: caps.min_running is 8, and 7 pods that match the target run");
  EXPECT_FALSE(below_floor({policy_of("caps: {}")}, 10, 0));
  cluster::View view = gated_view();
  view.pods[0].terminating = true, view.pods[1].phase = "Failed";
  EXPECT_EQ(running_that_match(target_of("{type: kubernetes, labels: {app: api}}"), "staging", view).value(), 8);
}

TEST(Gates, ADisruptionBudgetIsSaidOfAKill) {
  cluster::View view = gated_view();
  view.budgets = {{"staging", "api", json::parse(R"({"matchLabels": {"app": "api"}})").value(), 1},
                  {"staging", "others", json::parse(R"({"matchLabels": {"app": "other"}})").value(), 0},
                  {"shop", "all", json::Object(), 0},
                  {"staging", "none", nullptr, 0}};
  Case kill{
      .policy = "caps: {}", .target = "{type: kubernetes, labels: {app: api}, count: 2}", .facts = {.one_way = true}};
  Gates gates = gates_of(kill, view);
  EXPECT_TRUE(gates.refusals.empty());
  EXPECT_EQ(gates.warnings, (std::vector<std::string>{
                                "the PodDisruptionBudget staging/api allows 1 disruption now, and the attack takes "
                                "2 of its pods: a kill does not ask it"}));
  kill.target = "{type: kubernetes, labels: {app: api}, count: 1}";
  EXPECT_TRUE(gates_of(kill, view).warnings.empty());
  kill.facts.one_way = false;
  kill.target = "{type: kubernetes, labels: {app: api}}";
  EXPECT_TRUE(gates_of(kill, view).warnings.empty());
}

TEST(Gates, ADisruptionBudgetIsSaidOfANodeThatIsKilled) {
  cluster::View view = gated_view();
  view.budgets = {{"shop", "other", json::parse(R"({"matchLabels": {"app": "other"}})").value(), 1}};
  for (cluster::Pod& pod : view.pods) pod.node = "node-2";
  view.pods[50].node = view.pods[51].node = view.pods[52].node = view.pods[0].node = "node-1";
  view.pods[52].phase = "Succeeded";
  Case kill{.policy = "cross_namespace: true", .target = "{type: node, name: node-1}", .facts = {.one_way = true}};
  EXPECT_EQ(
      gates_of(kill, view).warnings,
      (std::vector<std::string>{"the PodDisruptionBudget shop/other allows 1 disruption now, and the attack takes "
                                "2 of its pods: a kill does not ask it"}));
}

TEST(Gates, AnExperimentActsInItsOwnNamespace) {
  EXPECT_EQ(refused({.policy = "caps: {}", .home = "shop"}),
            "policy: cross_namespace is not allowed: the target is in staging, and the experiment in shop");
  EXPECT_EQ(refused({.policy = "cross_namespace: true", .home = "shop"}), "allowed");
  EXPECT_EQ(refused({.policy = "caps: {}", .target = "{type: node, name: node-1}"}),
            "policy: cross_namespace is not allowed: nodes are in no namespace, and the experiment is in staging");
  EXPECT_EQ(
      refused({.policy = "cross_namespace: true\ncaps: {max_namespace_percent: 100, max_cluster_percent: 99}",
               .target = "{type: node, name: node-1}"}),
      "policy: caps.max_cluster_percent is 99, so 99 of the 100 running pods of the cluster may be hit; 0 are hit "
      "already and 100 more are asked for")
      << "with a node everyone who runs on it";
}

}  // namespace
}  // namespace ordeal::target
