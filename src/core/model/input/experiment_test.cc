#include "core/model/input/experiment.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ordeal {
namespace {

std::string error_of(const auto& result) { return result ? "no error" : result.error().message(); }

Result<Experiment> decode(std::string_view text) {
  json::Document document = TRY(json::parse_document(text));
  return decode_experiment(document);
}

constexpr std::string_view kTerminatePods = R"({
  "name": "Pod Termination - 50% Failure",
  "description": "Kill 50% of FastAPI pods to test resilience",
  "type": "attack",
  "target": {"type": "kubernetes", "namespace": "staging", "labels": {"app": "fastapi-backend"}, "percentage": 50},
  "attack": {"type": "shutdown", "args": {"delay": 5}}
})";

constexpr std::string_view kExhaustDatabase = R"({
  "name": "Database Connection Exhaustion",
  "type": "attack",
  "target": {"type": "container", "namespace": "staging", "labels": {"app": "fastapi-backend"}},
  "attack": {"type": "process_killer", "args": {"process": "postgres", "interval": 1, "length": 60}}
})";

TEST(Experiment, TheFlatFormIsRead) {
  Experiment pods = *decode(kTerminatePods);
  EXPECT_EQ(pods.name, "Pod Termination - 50% Failure");
  EXPECT_EQ(pods.target.type, TargetType::kKubernetes);
  EXPECT_EQ(pods.target.percentage, 50);
  EXPECT_EQ(pods.attack.type, "shutdown");
  EXPECT_EQ(pods.attack.length, 60s) << "the default length";

  Experiment database = *decode(kExhaustDatabase);
  EXPECT_EQ(database.attack.length, 60s);
  EXPECT_FALSE(database.attack.args.contains("length")) << "the length is no argument of the attack itself";
}

TEST(Experiment, AsACustomResourceTheSameObjectIsTheSpec) {
  Experiment experiment = *decode(
      "apiVersion: ordeal.dev/v1alpha1\nkind: Experiment\nmetadata: {name: slow}\n"
      "spec:\n  target: {type: host}\n  attack: {type: latency, length: 30s}\n");
  EXPECT_EQ(experiment.name, "slow");
  EXPECT_EQ(experiment.attack.length, 30s);
}

TEST(Experiment, TwoLengthsMustAgree) {
  constexpr const char* kText =
      "name: x\nlength: {}\ntarget: {{type: host}}\nattack: {{type: cpu, args: {{length: 20}}}}\n";
  EXPECT_EQ(decode(fmt::format(kText, "20s"))->attack.length, 20s);
  EXPECT_EQ(error_of(decode(fmt::format(kText, "30s"))),
            "line 2: length: differs from the length that is given elsewhere in the file");
}

TEST(Experiment, ExpectationsComeFromTheSecondFile) {
  Experiment experiment = *decode(kTerminatePods);
  json::Document expect = *json::parse_document(
      "hypothesis: it holds\nexpect:\n- {name: errors, query: up, condition: result < 0.01, when: [during, after], "
      "no_data: breach, for: 2s}\n- {probe: {http: {url: 'http://h/', result: 'json:status'}}, condition: result == "
      "1}\n");
  ASSERT_TRUE(merge_expectations(experiment, expect));
  ASSERT_EQ(experiment.expect.size(), 2u);
  EXPECT_EQ(experiment.expect[0].when, (std::set<When>{When::kDuring, When::kAfter}));
  EXPECT_EQ(experiment.expect[0].no_data, NoData::kBreach);
  EXPECT_EQ(experiment.expect[0].for_, 2s);
  EXPECT_EQ(experiment.expect[1].name, "result == 1");
  EXPECT_EQ(experiment.expect[1].http->json_field, "status");
  EXPECT_FALSE(merge_expectations(experiment, expect)) << "the names are taken";
}

TEST(Experiment, WhatItWritesItReads) {
  Experiment experiment = *decode(kExhaustDatabase);
  json::Document expect = *json::parse_document(
      "expect: [{name: a, probe: {tcp: 'h:1'}, condition: result < 1}, {name: b, probe: {command: [x, y]}, "
      "condition: result == 0}, {name: c, probe: {certificate: {host: '::1', port: 8443, server_name: shop.example, "
      "family: ipv6, timeout: 2s}}, condition: result >= 720}]\nsources: {prometheus: 'http://p', scrape: [{url: "
      "'http://m', labels: {a: b}}]}\n"
      "rollback: [{command: [undo, --now], timeout: 5s}, {http: {url: 'http://u:p@h/x', method: PUT, headers: {a: b}, "
      "body: c, timeout: 2s}}, {rollout: {name: api, namespace: shop, action: undo}}, {deployment: {name: api}}]\n");
  ASSERT_TRUE(merge_expectations(experiment, expect));
  json::Document written{to_json(experiment), {}};
  EXPECT_EQ(json::write(to_json(*decode_experiment(written))), json::write(written.value));
}

TEST(Experiment, ATargetInAClusterIsRead) {
  Target target = decode(
                      "name: x\nattack: {type: cpu}\ntarget: {type: kubernetes, namespace: staging, selector: 'app in "
                      "(a,b),!canary', workload: Deploy/api, container: web, zone: [z1, z2], node: n1, exclude: {name: "
                      "p1, node: [n2], zone: z3, labels: {keep: true}}, ready: true, follow: true}\n")
                      ->target;
  EXPECT_EQ(target.selector->text(), "app in (a,b),!canary");
  EXPECT_EQ(target.workload->kind + "/" + target.workload->name, "Deployment/api");
  EXPECT_EQ(target.containers, (std::vector<std::string>{"web"}));
  EXPECT_EQ(target.zones, (std::vector<std::string>{"z1", "z2"}));
  EXPECT_EQ(target.nodes, (std::vector<std::string>{"n1"}));
  EXPECT_EQ(target.exclude.names[0] + target.exclude.nodes[0] + target.exclude.zones[0], "p1n2z3");
  EXPECT_EQ(target.exclude.selector->text(), "keep=true");
  EXPECT_TRUE(target.ready && target.follow);
}

TEST(Experiment, AWorkloadsKindIsSaidAsKubectlTakesIt) {
  auto kind = [](const std::string& workload) {
    auto experiment = decode("name: x\nattack: {type: cpu}\ntarget: {type: kubernetes, workload: " + workload + "}\n");
    return experiment ? experiment->target.workload->kind : experiment.error().message();
  };
  for (auto [word, expected] : {std::pair{"deploy", "Deployment"},
                                {"DEPLOYMENT", "Deployment"},
                                {"sts", "StatefulSet"},
                                {"StatefulSet", "StatefulSet"},
                                {"ds", "DaemonSet"},
                                {"rs", "ReplicaSet"},
                                {"rollouts", "Rollout"},
                                {"svc", "Service"}}) {
    EXPECT_EQ(kind(std::string(word) + "/api"), expected);
    EXPECT_EQ(kind("{kind: " + std::string(word) + ", name: api}"), expected);
  }
}

TEST(Experiment, WhatAClusterHasIsWrittenAndRead) {
  Experiment experiment = *decode(
      "name: x\nattack: {type: cpu}\nenvironment: staging\nall_traffic: true\ntarget: {type: container, namespace: a, "
      "selector: 'a=b,c!=d', workload: {kind: sts, name: db}, container: [x, y], zone: z, node: n, exclude: {name: p, "
      "node: m, zone: y, selector: '!e'}, ready: true, follow: true, count: 2}\nsources: {prometheus: 'http://p', "
      "access: "
      "{token: {name: s, key: t}, certificate: {name: s, key: c}, key: {name: s, key: k}, authority: {name: s, key: "
      "a}, "
      "tenant: shop}, pods: {port: metrics, path: /m, job: api}}\n");
  EXPECT_EQ(experiment.sources.access->token->name, "s");
  EXPECT_EQ(experiment.sources.access->authority->key, "a");
  EXPECT_EQ(experiment.sources.pods->port, "metrics");
  json::Document written{to_json(experiment), {}};
  EXPECT_EQ(json::write(to_json(*decode_experiment(written))), json::write(written.value));
  for (const char* key : {"selector", "workload", "container", "zone", "node", "exclude", "ready", "follow"})
    EXPECT_TRUE(written.value.at("target").as_object().contains(key)) << key;
  EXPECT_TRUE(written.value.at("all_traffic").as_bool());
  EXPECT_EQ(decode("name: x\nattack: {type: cpu}\ntarget: {type: node, selector: a}\n")->target.type,
            TargetType::kNode);
}

TEST(Experiment, ARollbackSaysWhatItDoes) {
  Experiment experiment = *decode(
      "name: x\ntarget: {type: host}\nattack: {type: cpu}\nrollback: [{command: undo}, {http: {url: "
      "'http://u:p@h/x'}}, "
      "{rollout: {name: api}}, {rollout: {name: api, action: promote-full}}, {deployment: {name: api, namespace: "
      "shop}}]\n");
  std::vector<std::string> texts;
  for (const RollbackAction& action : *experiment.rollback) texts.push_back(to_text(action));
  EXPECT_EQ(texts, (std::vector<std::string>{"run undo", "POST http://h/***", "abort the Rollout api in default",
                                             "promote fully the Rollout api in default",
                                             "undo the last change of the Deployment api in shop"}));
  EXPECT_EQ(json::write(to_json(experiment)).find(":p@"), std::string::npos);
  EXPECT_TRUE(decode("name: x\ntarget: {type: host}\nattack: {type: cpu}\nrollback: []\n")->rollback->empty());
}

struct BadFile {
  const char* text;
  const char* error;
};
class BadExperiment : public testing::TestWithParam<BadFile> {};

TEST_P(BadExperiment, GetsOnePreciseError) {
  auto result = decode(GetParam().text);
  EXPECT_EQ(error_of(result), GetParam().error);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kInvalidInput);
}

#define TARGET "target: {type: host}\n"
#define ATTACK "attack: {type: cpu}\n"
INSTANTIATE_TEST_SUITE_P(
    EveryRule, BadExperiment,
    testing::Values(
        BadFile{"", "the file is empty"}, BadFile{"[]", "line 1: expected an object, found []"},
        BadFile{TARGET ATTACK, "line 1: \"name\" is missing"},
        BadFile{"name: x\n" ATTACK, "line 1: \"target\" is missing"},
        BadFile{"name: x\n" TARGET, "line 1: \"attack\" is missing"},
        BadFile{"name: 5\n" TARGET ATTACK, "line 1: name: expected text, found 5"},
        BadFile{"name: x\nnam: y\n" TARGET ATTACK, "line 2: nam: unknown key \"nam\"; did you mean \"name\"?"},
        BadFile{"name: x\ntype: scenario\n" TARGET ATTACK, "line 2: type: expected attack, found \"scenario\""},
        BadFile{"name: x\ntraffic: {}\n" TARGET ATTACK,
                "line 2: traffic: \"traffic\" is not supported by this version of Ordeal"},
        BadFile{"name: x\nattacks: []\n" TARGET ATTACK,
                "line 4: attack: \"attack\" stands in each of the attacks where there are several"},
        BadFile{"name: x\npulse: 5s\n" TARGET ATTACK, "line 2: pulse: expected an object, found \"5s\""},
        BadFile{"name: x\nramp: {}\n" TARGET ATTACK, "line 2: ramp: \"argument\" is missing"},
        BadFile{
            "name: x\ntarget: {type: vm}\n" ATTACK,
            "line 2: target.type: expected one of host, process, container, kubernetes, systemd, node, found \"vm\""},
        BadFile{"name: x\ntarget: {type: host, percentage: 101}\n" ATTACK,
                "line 2: target.percentage: expected a number from 0 to 100, found 101"},
        BadFile{"name: x\ntarget: {type: host, percentage: 1, count: 1}\n" ATTACK,
                "line 2: target: give percentage or count, not both"},
        BadFile{"name: x\ntarget: {type: container, labels: {a: [1]}}\n" ATTACK,
                "line 2: target.labels.a: expected text, found [1]"},
        BadFile{"name: x\n" TARGET "attack: {args: {}}\n", "line 3: attack: \"type\" is missing"},
        BadFile{"name: x\n" TARGET "attack: {type: cpu, args: 5}\n",
                "line 3: attack.args: expected an object, found 5"},
        BadFile{"name: x\n" TARGET "attack: {type: cpu, args: {length: -1}}\n",
                "line 3: attack.args.length: expected a duration such as 500ms, 30s or 1m30s, found -1"},
        BadFile{"name: x\nlength: 0\n" TARGET ATTACK,
                "line 2: length: expected a length above 0 and at most 24h, found 0"},
        BadFile{"name: x\nseed: 1.5\n" TARGET ATTACK,
                "line 2: seed: expected a whole number from 0 to 9007199254740992, found 1.5"},
        BadFile{"name: x\nmin_injected: 200\n" TARGET ATTACK,
                "line 2: min_injected: expected a number from 0 to 100, found 200"},
        BadFile{"name: x\n" TARGET ATTACK "expect: {}\n", "line 4: expect: expected a list, found {}"},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{condition: result < 1}]\n",
                "line 4: expect[0]: expected a query or a probe, and not both"},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{query: up}]\n", "line 4: expect[0]: \"condition\" is missing"},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{query: up, condition: result > 0, when: [later]}]\n",
                "line 4: expect[0].when[0]: expected one of before, during, after, found \"later\""},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{query: up, condition: result > 0, no_data: maybe}]\n",
                "line 4: expect[0].no_data: expected one of hold, pass, breach, found \"maybe\""},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{probe: {}, condition: result > 0}]\n",
                "line 4: expect[0].probe: expected exactly one of http, tcp, command and certificate"},
        BadFile{"name: x\n" TARGET ATTACK "expect: [{probe: {tcp: nowhere}, condition: result > 0}]\n",
                "line 4: expect[0].probe.tcp: expected an address as host:port, found \"nowhere\""},
        BadFile{"name: x\n" TARGET ATTACK
                "expect: [{probe: {http: {url: http://u, result: body}}, condition: result > 0}]\n",
                "line 4: expect[0].probe.http.result: expected code, latency or json:FIELD, found \"body\""},
        BadFile{"name: x\n" TARGET ATTACK "sources: {interval: 10ms}\n",
                "line 4: sources.interval: expected an interval from 100ms to 60s, found \"10ms\""},
        BadFile{"name: x\n" TARGET ATTACK "rollback: [{command: []}]\n",
                "line 4: rollback[0].command: expected a program and its arguments, found []"},
        BadFile{"name: x\n" TARGET ATTACK "on_breach: {command: [undo]}\n",
                "line 4: on_breach: \"on_breach\" is a list of actions now: rollback: [{command: [PROGRAM, …]}]"},
        BadFile{"apiVersion: v1\nkind: Pod\n", "line 1: apiVersion: expected ordeal.dev/v1alpha1, found \"v1\""}));

}  // namespace
}  // namespace ordeal
