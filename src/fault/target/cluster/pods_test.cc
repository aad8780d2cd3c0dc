#include "fault/target/cluster/pods.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/base/random.h"
#include "core/base/text/text.h"
#include "fault/target/cluster/made_up.h"

namespace ordeal::target {
namespace {

constexpr uint64_t kSeed = 42;

std::string names_of(const ClusterChoice& choice) {
  std::vector<std::string> names;
  for (const ClusterPick& pick : choice.chosen) names.push_back(pick.model_victim.name);
  return join(names, " ");
}

// The names, or the error.
std::string chosen(const std::string& target, const cluster::View& view, const ClusterRules& rules) {
  auto choice = choose_in_cluster(target_of(target), view, rules, kSeed);
  return choice ? names_of(*choice) : choice.error().message();
}

std::string rule_for(const std::string& victim, const std::string& target, const cluster::View& view,
                     const ClusterRules& rules) {
  auto judged = judge_in_cluster(target_of(target), view, rules);
  if (!judged) return judged.error().message();
  for (const Refusal& refusal : judged->left_out)
    if (refusal.victim == victim) return refusal.rule;
  return "not left out";
}

const Labels kApi{{"app", "api"}};
constexpr const char* kEveryApi = "{type: kubernetes, namespace: staging, labels: {app: api}}";

TEST(ClusterChoice, OfAHundredPodsAPercentageTakesExactlyItsShare) {
  cluster::View view = made_up_view("staging", "api", 100, kApi);
  for (int percent = 0; percent <= 100; ++percent) {
    std::string target = fmt::format("{{type: kubernetes, labels: {{app: api}}, percentage: {}}}", percent);
    auto choice = choose_in_cluster(target_of(target), view, allowing("staging"), kSeed);
    if (percent == 0) {
      EXPECT_EQ(choice.error().code, Errc::kRefused);
      EXPECT_EQ(choice.error().what, "0 % of 100 victims, rounded down, is none");
      continue;
    }
    ASSERT_EQ(choice->chosen.size(), static_cast<size_t>(percent));
    EXPECT_EQ(choice->left_out.size(), static_cast<size_t>(100 - percent));
    EXPECT_EQ(choice->candidates, 100);
    std::set<std::string> distinct;
    for (const ClusterPick& pick : choice->chosen) distinct.insert(pick.victim.uid);
    EXPECT_EQ(distinct.size(), static_cast<size_t>(percent)) << "none is hit twice";
  }
}

TEST(ClusterChoice, SaysWhyEachOtherOneIsNotDrawn) {
  cluster::View view = made_up_view("staging", "api", 7, kApi);
  auto of = [&](const char* many) {
    return choose_in_cluster(target_of(fmt::format("{{type: kubernetes, labels: {{app: api}}, {}}}", many)), view,
                             allowing("staging"), kSeed);
  };
  EXPECT_EQ(of("percentage: 50")->left_out[0].rule, "not drawn: 50 % of 7 is 3");
  EXPECT_EQ(of("count: 2")->left_out[0].rule, "not drawn: 2 of 7 are asked for");
  EXPECT_EQ(of("count: 2")->left_out.size(), 5u);
  EXPECT_EQ(of("count: 8").error().what, "8 victims requested, 7 available");
  EXPECT_EQ(of("count: 0").error().what, "a count of 0 selects nothing");
}

TEST(ClusterChoice, APickNamesWhatAnAgentLooksFor) {
  cluster::View view = made_up_view("staging", "api", 1, kApi);
  ClusterPick pod = choose_in_cluster(target_of(kEveryApi), view, allowing("staging"), kSeed)->chosen.at(0);
  EXPECT_EQ(pod.victim, (cluster::ClusterVictim{"pod", "staging", "api-001", "uid-api-001", "", ""}));
  EXPECT_EQ(pod.node, "node-1");
  EXPECT_EQ(pod.model_victim.kind, VictimKind::kPod);
  EXPECT_EQ(pod.model_victim.zone, "west-1");
  EXPECT_EQ(pod.model_victim.labels, kApi);
  ClusterPick container =
      choose_in_cluster(target_of("{type: container, labels: {app: api}}"), view, allowing("staging"), kSeed)
          ->chosen.at(0);
  EXPECT_EQ(container.victim.kind + " " + container.victim.container, "container main");
  EXPECT_EQ(container.victim.container_id, view.pods[0].containers[0].id);
  EXPECT_EQ(container.model_victim.name, "api-001/main");
  EXPECT_EQ(key_of(container), "uid-api-001/" + view.pods[0].containers[0].id);
}

TEST(ClusterChoice, AnAttackThatIsOfAContainerMeansTheDefaultOneOfAPod) {
  cluster::View view = made_up_view("staging", "api", 4, kApi);
  for (cluster::Pod& pod : view.pods) {
    cluster::Container side = pod.containers[0];
    side.name = "side", side.id[0] = 'f';
    pod.containers.push_back(side);
  }
  view.pods[1].default_container = "side";
  view.pods[2].containers[0].running = false;
  view.pods[3].containers.clear();
  ClusterRules rules = allowing("staging");
  rules.of_container = true;
  EXPECT_EQ(chosen(kEveryApi, view, rules), "api-001/main api-002/side");
  EXPECT_EQ(rule_for("api-003/main", kEveryApi, view, rules), "not running: the container");
  EXPECT_EQ(rule_for("api-004", kEveryApi, view, rules), "it has no container that is meant");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, container: side}", view, rules),
            "api-001/side api-002/side api-003/side");
  EXPECT_EQ(chosen("{type: kubernetes, name: [api-001]}", view, rules), "api-001/main");
  EXPECT_EQ(chosen("{type: node, name: [node-1]}", view, rules), "node-1");
  rules.of_container = false;
  EXPECT_EQ(chosen(kEveryApi, view, rules), "api-001 api-002 api-003 api-004");
}

TEST(ClusterChoice, WhoDoesNotRunIsLeftOutWithTheReason) {
  cluster::View view = made_up_view("staging", "api", 6, kApi);
  view.pods[0].phase = "Pending", view.pods[0].node = "";
  view.pods[1].phase = "Succeeded";
  view.pods[2].terminating = true;
  view.pods[3].ready = false;
  view.pods[4].node = "";
  ClusterRules rules = allowing("staging");
  EXPECT_EQ(rule_for("api-001", kEveryApi, view, rules), "not running: Pending");
  EXPECT_EQ(rule_for("api-002", kEveryApi, view, rules), "not running: Succeeded");
  EXPECT_EQ(rule_for("api-003", kEveryApi, view, rules), "terminating");
  EXPECT_EQ(rule_for("api-005", kEveryApi, view, rules), "not running: on no node yet");
  EXPECT_EQ(chosen(kEveryApi, view, rules), "api-004 api-006");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, ready: true}", view, rules), "api-006");
  auto judged = judge_in_cluster(target_of(kEveryApi), view, rules);
  EXPECT_EQ(judged->candidates, 3) << "for caps only those that run count";
  EXPECT_EQ(judged->notes.at(0), "1 of 2 that may be hit run, but are not Ready; target.ready leaves them out");
}

TEST(ClusterChoice, PlacesAndExclusions) {
  cluster::View view = made_up_view("staging", "api", 6, kApi);
  view.nodes = {made_up_node("node-1", "west-1"), made_up_node("node-2", "west-2"), made_up_node("node-3", "")};
  view.pods[0].node = "node-2", view.pods[1].node = "node-3";
  view.pods[2].labels["canary"] = "true";
  ClusterRules rules = allowing("staging");
  auto rule = [&](const char* victim, const std::string& more) {
    return rule_for(victim, "{type: kubernetes, labels: {app: api}, " + more + "}", view, rules);
  };
  EXPECT_EQ(rule("api-001", "zone: west-1"), "other zone: it runs in west-2");
  EXPECT_EQ(rule("api-002", "zone: west-1"), "other zone: its node has none");
  EXPECT_EQ(rule("api-001", "node: node-1"), "other node: it runs on node-2");
  EXPECT_EQ(rule("api-001", "exclude: {zone: west-2}"), "excluded by target.exclude.zone: west-2");
  EXPECT_EQ(rule("api-001", "exclude: {node: node-2}"), "excluded by target.exclude.node: node-2");
  EXPECT_EQ(rule("api-001", "exclude: {name: api-001}"), "excluded by target.exclude.name");
  EXPECT_EQ(rule("api-003", "exclude: {labels: {canary: true}}"), "excluded by target.exclude.selector: canary=true");
  EXPECT_EQ(rule("api-003", "selector: '!canary'"), "not left out") << "it is not described at all";
  EXPECT_EQ(
      chosen("{type: kubernetes, selector: 'app in (api,web),!canary', zone: [west-1], exclude: {name: [api-004]}}",
             view, rules),
      "api-005 api-006");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, node: node-9}", view, rules),
            "no node named node-9 is there");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, zone: west-9}", view, rules),
            "no zone named west-9 is there");
}

// A pod of each kind of workload that is called "api".
cluster::View of_workloads() {
  cluster::View view = made_up_view("staging", "x", 0, {});
  auto add = [&](const char* name, Labels labels, cluster::OwnerRef owner) {
    view.pods.push_back(made_up_pod("staging", name, std::move(labels)));
    view.pods.back().controller = std::move(owner);
  };
  add("deployed", {{"pod-template-hash", "6bc9"}, {"app", "api"}}, {"ReplicaSet", "api-6bc9", "rs-1"});
  add("deployed-by-other", {{"pod-template-hash", "6bc9"}}, {"ReplicaSet", "api-v2-6bc9", "rs-2"});
  add("rolled-out", {{"rollouts-pod-template-hash", "77f"}}, {"ReplicaSet", "api-77f", "rs-3"});
  add("of-set", {}, {"StatefulSet", "api", "sts-1"});
  add("of-older-set", {}, {"StatefulSet", "api", "sts-0"});
  add("of-daemons", {}, {"DaemonSet", "api", "ds-1"});
  for (auto [kind, uid] : {std::pair{"Deployment", "d-1"},
                           {"Rollout", "r-1"},
                           {"StatefulSet", "sts-1"},
                           {"DaemonSet", "ds-1"},
                           {"ReplicaSet", "rs-1"}})
    view.workloads.push_back({kind, "staging", "api", uid, {}});
  view.workloads.back().name = "api-6bc9";
  view.workloads.push_back({"Service", "staging", "api", "s-1", json::Object{{"app", "api"}}});
  view.workloads.push_back({"Service", "staging", "elsewhere", "s-2", nullptr});
  return view;
}

TEST(ClusterChoice, AWorkloadsPodsAreFoundByTheirOwners) {
  auto of = [](const char* workload) {
    return chosen(fmt::format("{{type: kubernetes, workload: {}}}", workload), of_workloads(), allowing("staging"));
  };
  EXPECT_EQ(of("deployment/api"), "deployed");
  EXPECT_EQ(of("rollout/api"), "rolled-out");
  EXPECT_EQ(of("sts/api"), "of-set") << "not what an earlier one of the same name has left";
  EXPECT_EQ(of("ds/api"), "of-daemons");
  EXPECT_EQ(of("rs/api-6bc9"), "deployed");
  EXPECT_EQ(of("svc/api"), "deployed");
  EXPECT_EQ(of("svc/elsewhere"), "the Service elsewhere has no selector, so no pods are its own");
  EXPECT_EQ(of("deploy/web"), "there is no Deployment web in the namespace staging");
}

TEST(ClusterChoice, ContainersOfPods) {
  cluster::View view = made_up_view("staging", "api", 2, kApi);
  cluster::Container side = view.pods[0].containers[0];
  side.name = "proxy", side.id = std::string(64, 'b'), side.init = true;
  view.pods[0].containers.push_back(side);
  view.pods[1].containers[0].running = false;
  ClusterRules rules = allowing("staging");
  EXPECT_EQ(chosen("{type: container, labels: {app: api}}", view, rules), "api-001/main")
      << "a sidecar is meant by its name only";
  EXPECT_EQ(rule_for("api-002/main", "{type: container, labels: {app: api}}", view, rules),
            "not running: the container");
  EXPECT_EQ(chosen("{type: container, labels: {app: api}, container: proxy}", view, rules), "api-001/proxy");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, container: [main, proxy]}", view, rules),
            "api-001/main api-001/proxy");
  EXPECT_EQ(chosen("{type: container, labels: {app: api}, id: bbbbbbbbbbbb}", view, rules), "api-001/proxy");
  EXPECT_EQ(rule_for("api-002", "{type: container, labels: {app: api}, container: proxy}", view, rules),
            "it has no container that is meant");
  EXPECT_EQ(chosen("{type: container, labels: {app: api}, container: prxy}", view, rules),
            "no container named prxy is there");
}

TEST(ClusterChoice, NodesAreVictimsOfTheirOwn) {
  cluster::View view;
  view.nodes = {made_up_node("node-1", "a"), made_up_node("node-2", "a"), made_up_node("node-3", "b")};
  view.nodes[1].ready = false;
  ClusterRules rules = allowing("staging");
  EXPECT_EQ(chosen("{type: node, zone: a}", view, rules), "node-1");
  EXPECT_EQ(rule_for("node-2", "{type: node, zone: a}", view, rules), "not ready");
  EXPECT_EQ(chosen("{type: host, name: node-3}", view, rules), "node-3");
  EXPECT_EQ(chosen("{type: node, name: [node-3, node-4]}", view, rules), "no node named node-4 is there");
  EXPECT_EQ(chosen("{type: host}", view, rules),
            "the target selects nothing in particular, and that never means everything");
  view.pods.push_back(made_up_pod("kube-system", "dns", {}));
  EXPECT_EQ(rule_for("node-1", "{type: node, zone: a}", view, rules),
            "kube-system/dns runs there: policy: protected.namespaces lists \"kube-system\"");
  view.pods = {made_up_pod("ordeal", "other", {})};
  rules.policies = {policy_of("protected: {namespaces: [ordeal]}")};
  EXPECT_NE(chosen("{type: node, zone: a}", view, rules), "node-1") << "what else is in its namespace is protected";
  view.pods = {made_up_pod("ordeal", "agent", {{"app.kubernetes.io/name", "ordeal"}})};
  rules.policies = {policy_of("protected: {namespaces: [ordeal]}")};
  EXPECT_EQ(chosen("{type: node, zone: a}", view, rules), "node-1") << "an agent is on every node";
  ClusterPick pick = choose_in_cluster(target_of("{type: node, name: node-3}"), view, rules, kSeed)->chosen.at(0);
  EXPECT_EQ(pick.victim, (cluster::ClusterVictim{"node", "", "", "uid-node-3", "", ""}));
  EXPECT_EQ(pick.model_victim.kind, VictimKind::kHost);
}

TEST(ClusterChoice, WhatIsAlwaysProtected) {
  cluster::View view = made_up_view("kube-system", "x", 0, {});
  view.pods.push_back(made_up_pod("kube-system", "apiserver", {{"tier", "control-plane"}}));
  view.pods.push_back(made_up_pod("kube-system", "mirrored", {}));
  view.pods.back().controller = cluster::OwnerRef{"Node", "node-1", "uid-node-1"};
  view.pods.push_back(made_up_pod("kube-system", "agent", {{"app.kubernetes.io/name", "ordeal"}}));
  view.pods.push_back(made_up_pod("kube-system", "dns", {}));
  ClusterRules rules{{policy_of("caps: {}")}, "kube-system", "chaos", true, false};
  const std::string all = "{type: kubernetes, namespace: kube-system}";
  EXPECT_EQ(rule_for("apiserver", all, view, rules), "always protected: a pod of the control plane");
  EXPECT_EQ(rule_for("mirrored", all, view, rules), "always protected: a pod of the control plane");
  EXPECT_EQ(rule_for("agent", all, view, rules), "always protected: a pod of Ordeal");
  view.pods[3].host_network = true;
  EXPECT_EQ(rule_for("dns", all, view, rules),
            "hostNetwork: it shares its node's network, and a network fault would hit everyone there");
  rules.hits_network = false;
  EXPECT_EQ(chosen(all, view, rules), "dns");
  rules.own_namespace = "kube-system";
  EXPECT_EQ(rule_for("dns", all, view, rules), "always protected: kube-system is Ordeal's own namespace");
}

TEST(ClusterChoice, WhatCannotBeIsAnError) {
  cluster::View view = made_up_view("staging", "api", 2, kApi);
  ClusterRules rules = allowing("staging"), none{{}, "staging", "", false, false};
  EXPECT_EQ(chosen(kEveryApi, view, none), "there is no policy, and in a cluster nothing is hit without one");
  EXPECT_EQ(choose_in_cluster(target_of(kEveryApi), view, none, 1).error().code, Errc::kRefused);
  EXPECT_EQ(chosen("{type: kubernetes}", view, rules),
            "the target selects nothing in particular, and that never means everything");
  EXPECT_EQ(chosen("{type: process, name: api}", view, rules),
            "target.type: processes and systemd units are found on a host only");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: api}, cgroup: /x}", view, rules),
            "target.cgroup: only a host has it, and this is a cluster");
  EXPECT_EQ(chosen("{type: kubernetes, labels: {app: web}}", view, rules),
            "no pod in the namespace staging with app=web; 2 pods are there");
  auto missing = choose_in_cluster(target_of("{type: kubernetes, name: [api-001, api-01]}"), view, rules, 1);
  EXPECT_EQ(missing.error().code, Errc::kNotInjected);
  EXPECT_EQ(missing.error().message() + "; " + missing.error().hint,
            "no pod named api-01 is there; the nearest name is api-001");
  view.pods[0].phase = "Failed";
  EXPECT_EQ(chosen("{type: kubernetes, name: [api-001, api-002]}", view, rules),
            "nobody can be hit: api-001: not running: Failed")
      << "never another one in its place";
  rules.policies.push_back(policy_of("blast_radius: {namespaces: [test]}"));
  auto refused = choose_in_cluster(target_of("{type: kubernetes, name: api-002}"), view, rules, 1);
  EXPECT_EQ(refused.error().code, Errc::kRefused);
  EXPECT_EQ(refused.error().what,
            "the rules forbid api-002: policy: blast_radius.namespaces does not list \"staging\"");
}

TEST(ClusterChoice, TheOrderOfTheListsDoesNotMatterAndTheSeedDoes) {
  cluster::View view = made_up_view("staging", "api", 40, kApi);
  Target target = target_of("{type: kubernetes, labels: {app: api}, percentage: 30}");
  std::string first = names_of(*choose_in_cluster(target, view, allowing("staging"), kSeed));
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    random.shuffle(std::span(view.pods));
    ASSERT_EQ(names_of(*choose_in_cluster(target, view, allowing("staging"), kSeed)), first);
  }
  EXPECT_NE(names_of(*choose_in_cluster(target, view, allowing("staging"), kSeed + 1)), first);
}

constexpr const char* kConfigMap = R"(apiVersion: v1
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

TEST(ClusterChoice, AConfigMapOfOtherToolsSaysWhoMayBeHit) {
  const Labels good{{"app", "fastapi-backend"}, {"environment", "staging"}, {"chaos-enabled", "true"}};
  cluster::View view = made_up_view("staging", "fastapi", 5, good);
  view.pods.push_back(made_up_pod(
      "staging", "opted-out", {{"app", "fastapi-backend"}, {"environment", "staging"}, {"chaos-enabled", "false"}}));
  view.pods.push_back(made_up_pod("staging", "unlabelled", {{"app", "fastapi-backend"}}));
  view.pods.push_back(made_up_pod("production", "fastapi-production", good));
  ClusterRules rules{{policy_of(kConfigMap)}, "staging", "ordeal", false, false};
  const std::string brief = "type: kubernetes, namespace: staging, labels: {app: fastapi-backend}";
  auto half = choose_in_cluster(target_of("{" + brief + ", percentage: 50}"), view, rules, kSeed);
  EXPECT_EQ(half->chosen.size(), 2u);
  EXPECT_EQ(half->candidates, 7);
  EXPECT_EQ(rule_for("opted-out", "{" + brief + "}", view, rules),
            "policy: protected.labels lists chaos-enabled=false");
  EXPECT_EQ(rule_for("unlabelled", "{" + brief + "}", view, rules),
            "policy: blast_radius.labels asks for chaos-enabled=true");
  EXPECT_EQ(choose_in_cluster(target_of("{" + brief + "}"), view, rules, kSeed)->chosen.size(), 5u);
  auto containers = choose_in_cluster(
      target_of("{type: container, namespace: staging, labels: {app: fastapi-backend}}"), view, rules, kSeed);
  EXPECT_EQ(containers->chosen.size(), 5u);
  EXPECT_EQ(chosen("{type: kubernetes, namespace: production, labels: {app: fastapi-backend}}", view, rules),
            "the rules forbid fastapi-production: policy: protected.namespaces lists \"production\"");
}

// A world of a few dozen pods with every property drawn.
cluster::View random_world(Random& random) {
  cluster::View view;
  for (int i = 0; i < 3; ++i) view.nodes.push_back(made_up_node(fmt::format("node-{}", i), i ? "a" : "b"));
  for (uint64_t i = random.below(24); i > 0; --i) {
    const char* spaces[] = {"staging", "production", "kube-system", "ordeal"};
    cluster::Pod pod = made_up_pod(spaces[random.below(4)], fmt::format("pod-{:02}", i), {});
    if (random.below(2)) pod.labels["app"] = "api";
    if (random.below(3) == 0) pod.labels["chaos-enabled"] = random.below(2) ? "true" : "false";
    if (random.below(9) == 0) pod.labels["tier"] = "control-plane";
    if (random.below(9) == 0) pod.labels["app.kubernetes.io/name"] = "ordeal";
    pod.node = view.nodes[random.below(3)].name;
    pod.host_network = random.below(6) == 0;
    pod.terminating = random.below(6) == 0;
    if (random.below(6) == 0) pod.phase = "Pending";
    view.pods.push_back(std::move(pod));
  }
  return view;
}

bool may_be_hit(const cluster::Pod& pod) {
  auto is = [&](const char* key, const char* value) {
    auto found = pod.labels.find(key);
    return found != pod.labels.end() && found->second == value;
  };
  return pod.namespace_ == "staging" && !is("chaos-enabled", "false") && !is("app.kubernetes.io/name", "ordeal") &&
         is("app", "api") && pod.phase == "Running" && !pod.terminating && !pod.host_network;
}

TEST(ClusterChoice, InTenThousandWorldsNobodyProtectedIsChosenAndEveryoneIsAccountedFor) {
  Random random(11);
  ClusterRules rules{{policy_of("blast_radius: {namespaces: [staging, kube-system, ordeal]}\nprotected: {namespaces: "
                                "[production, kube-system], labels: {chaos-enabled: false}}")},
                     "staging",
                     "ordeal",
                     true};
  const char* spaces[] = {"staging", "production", "kube-system", "ordeal"};
  for (int round = 0; round < 10'000; ++round) {
    cluster::View view = random_world(random);
    std::string space = spaces[random.below(4)];
    Target target;
    target.type = TargetType::kKubernetes;
    target.namespace_ = space;
    target.labels = kApi;
    if (random.below(2)) target.percentage = static_cast<double>(1 + random.below(100));
    auto choice = choose_in_cluster(target, view, rules, random.next());
    if (!choice) continue;
    std::set<std::string> hit;
    for (const ClusterPick& pick : choice->chosen) hit.insert(pick.victim.uid);
    size_t described = 0, allowed = 0;
    for (const cluster::Pod& pod : view.pods) {
      described += pod.namespace_ == space && pod.labels.count("app");
      allowed += may_be_hit(pod);
      ASSERT_TRUE(may_be_hit(pod) || !hit.count(pod.uid)) << pod.name << " in round " << round;
    }
    ASSERT_EQ(space, "staging");
    ASSERT_EQ(choice->chosen.size() + choice->left_out.size(), described) << "round " << round;
    ASSERT_EQ(choice->chosen.size(),
              static_cast<size_t>(take_percent(static_cast<int64_t>(allowed), target.percentage.value_or(100))));
    ASSERT_FALSE(choice->chosen.empty());
  }
}

}  // namespace
}  // namespace ordeal::target
