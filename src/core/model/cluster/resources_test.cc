#include "core/model/cluster/resources.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/model/cluster/names.h"

namespace ordeal::cluster {
namespace {

TEST(Names, ALabelsValueIsTheNameOrItsBeginningAndAHash) {
  EXPECT_EQ(label_value("node-1.example.org"), "node-1.example.org");
  EXPECT_EQ(label_value(std::string(63, 'a')), std::string(63, 'a'));
  std::string longer = label_value(std::string(64, 'a'));
  EXPECT_EQ(longer.size(), 63u);
  EXPECT_EQ(longer.substr(0, 47), std::string(46, 'a') + "-");
  EXPECT_NE(longer, label_value(std::string(65, 'a')));
}

TEST(Names, AnInjectionsNameTellsRunsAndNodesApart) {
  EXPECT_EQ(injection_name("slow", "r20261123t201504z-k3x5q", "node-1"), "slow-k3x5q-node-1");
  std::string experiment(200, 'e'), node = std::string(30, 'n') + "." + std::string(30, 'o');
  std::string name = injection_name(experiment, "r20261123t201504z-k3x5q", node);
  EXPECT_LE(name.size(), 253u);
  EXPECT_EQ(name, injection_name(experiment, "r20261123t201504z-k3x5q", node));
  EXPECT_NE(name, injection_name(experiment, "r20261123t201504z-k3x5r", node));
  for (size_t length = 1; length < 64; ++length) {
    std::string cut = injection_name(experiment, "r-k3x5q", std::string(length, 'n') + ".o");
    EXPECT_EQ(cut.find(".-"), std::string::npos) << "a part of a DNS name begins with no -";
  }
}

TEST(Conditions, TheTimeMovesWithTheStatusOnly) {
  std::vector<Condition> conditions;
  set_condition(conditions, {"Admitted", Truth::kUnknown, "Checking", "", ""}, 1'500ms);
  set_condition(conditions, {"Admitted", Truth::kUnknown, "StillChecking", "a node is slow", ""}, 60s);
  set_condition(conditions, {"Injected", Truth::kFalse, "Waiting", "", ""}, 61s);
  ASSERT_EQ(conditions.size(), 2u);
  const Condition* admitted = find_condition(conditions, "Admitted");
  EXPECT_EQ(*admitted,
            (Condition{"Admitted", Truth::kUnknown, "StillChecking", "a node is slow", "1970-01-01T00:00:01Z"}));
  set_condition(conditions, {"Admitted", Truth::kTrue, "Admitted", "", ""}, 62s);
  EXPECT_EQ(find_condition(conditions, "Admitted")->since, "1970-01-01T00:01:02Z");
  EXPECT_EQ(find_condition(conditions, "Complete"), nullptr);
}

std::string error_of(const auto& result) { return result ? "no error" : result.error().message(); }

ExperimentStatus full_status() {
  ExperimentStatus status;
  status.observed_generation = 3;
  status.run = "r20261123t201504z-k3x5q";
  status.holder = "ordeal-controller-0";
  status.phase = "during";
  status.exit = 0;
  status.candidates = 7, status.victims = 3, status.injected = 3;
  status.started = "2026-11-23T20:15:04Z";
  status.renewal = {12, "uid/4", true, ""};
  status.looks = {{"error rate", "result 0.002", "holds"}};
  set_condition(status.conditions, {"Admitted", Truth::kTrue, "Admitted", "3 of 7 pods", ""}, 60s);
  return status;
}

TEST(ExperimentStatus, ReadsBackAndAFreshOneSaysNothing) {
  json::Value written = to_json(full_status());
  EXPECT_EQ(experiment_status_from_json(&written).value(), full_status());
  EXPECT_EQ(experiment_status_from_json(nullptr).value(), ExperimentStatus());
  EXPECT_EQ(json::write(to_json(ExperimentStatus())), "{}");
  EXPECT_EQ(json::write(written.at("renewal")), R"({"count":12,"halt":"uid/4","go":true,"stop":""})")
      << "what goes back to nothing is written";
}

TEST(ExperimentStatus, AWrongTypeNamesTheField) {
  auto error = [](const char* text) {
    json::Value value = json::parse(text).value();
    return error_of(experiment_status_from_json(&value));
  };
  EXPECT_EQ(error(R"({"phase": 5})"), "phase: expected text, found 5");
  EXPECT_EQ(error(R"({"renewal": {"count": 1}})"), "renewal: \"halt\" is missing");
  EXPECT_EQ(error(R"({"conditions": [{"type": "Held", "status": "Maybe"}]})"),
            "conditions[0].status: expected one of True, False, Unknown, found \"Maybe\"");
  EXPECT_EQ(error(R"({"unheard": 1})"), "no error");
}

Injection full_injection() {
  Injection injection;
  injection.namespace_ = "staging";
  injection.name = "slow-k3x5q-node-1";
  InjectionSpec& spec = injection.spec;
  spec.run = "r20261123t201504z-k3x5q";
  spec.experiment = "slow";
  spec.experiment_uid = "e-uid";
  spec.node = "node-1";
  spec.lease = 2500ms;
  spec.waits_for_go = true;
  spec.candidates = 7;
  Attack attack;
  attack.type = "latency";
  attack.args = {{"delay", "500ms"}};
  attack.given = std::vector<std::string>{"delay"};
  spec.impacts = {{1, {"pod", "staging", "api-1", "uid-1", "", ""}, attack, 5s, {"10.0.0.1"}},
                  {2, {"container", "staging", "api-2", "uid-2", "db", "c0ffee"}, attack, Nanos(0), {}},
                  {3, {"node", "", "", "uid-3", "", ""}, attack, Nanos(0), {}}};
  return injection;
}

// As the API has it once it is there.
json::Value stored(const Injection& injection) {
  json::Value object = injection_to_create(injection);
  json::Object& metadata = object.as_object()["metadata"].as_object();
  metadata["uid"] = "i-uid";
  metadata["resourceVersion"] = "77";
  return object;
}

TEST(Injection, ReadsBackWhatIsCreated) {
  json::Value object = stored(full_injection());
  Injection read = injection_from_json(object).value();
  EXPECT_EQ(read.uid, "i-uid");
  EXPECT_EQ(read.version, "77");
  EXPECT_TRUE(read.has_finalizer);
  EXPECT_FALSE(read.deleting);
  EXPECT_EQ(read.spec.lease, 2500ms);
  EXPECT_EQ(read.spec.impacts[1].victim, full_injection().spec.impacts[1].victim);
  EXPECT_EQ(json::write(injection_to_create(read)), json::write(injection_to_create(full_injection())));
  EXPECT_EQ(
      json::write(object.at("metadata").at("labels")),
      R"({"ordeal.dev/node":"node-1","ordeal.dev/experiment":"slow","ordeal.dev/run":"r20261123t201504z-k3x5q"})");
  EXPECT_EQ(read.status.state, "") << "nobody has written it";
}

TEST(Injection, OneThatGoesSaysSo) {
  json::Value object = stored(full_injection());
  json::Object& metadata = object.as_object()["metadata"].as_object();
  metadata["deletionTimestamp"] = "2026-11-23T20:15:04Z";
  metadata["finalizers"] = json::Array{"others.dev/keep"};
  object.as_object()["status"] = json::Object();
  Injection read = injection_from_json(object).value();
  EXPECT_TRUE(read.deleting);
  EXPECT_FALSE(read.has_finalizer);
}

TEST(Injection, ItsStatusReadsBack) {
  InjectionStatus status;
  status.state = "reverted";
  status.agent = "agent-x/boot";
  status.renewal = 12;
  status.halted_by = "lease", status.why = "no renewal for 15s";
  ImpactStatus impact{1,  "reverted", "",
                      "", "",         {{StepKind::kOwned, "api-1", "delay", "table goes", "packets", {}, {}}}};
  impact.in_force = 2500ms, impact.took = 12ms, impact.clean = false;
  impact.proof = Proof{true, "412 packets delayed", "", 500, 500.3, "ms"};
  status.impacts = {impact, ImpactStatus{2, "failed", "no such container", "look again", "refused"}};
  set_condition(status.conditions, {"Reverted", Truth::kTrue, "Reverted", "", ""}, 60s);
  json::Value object = stored(full_injection());
  object.as_object()["status"] = to_json(status);
  Injection read = injection_from_json(object).value();
  EXPECT_EQ(json::write(to_json(read.status)), json::write(to_json(status)));
  EXPECT_EQ(read.status.impacts[0].in_force, 2500ms);
  EXPECT_EQ(read.status.impacts[0].proof->measured, "412 packets delayed");
  EXPECT_FALSE(read.status.impacts[1].proof);
}

// Of a full one with one field replaced.
std::string error_at(const char* pointer, const json::Value& value) {
  json::Value object = stored(full_injection());
  object.at_pointer(pointer) = value;
  return error_of(injection_from_json(object));
}

TEST(Injection, WhatIsWrongIsNamed) {
  EXPECT_EQ(error_at("/spec/impacts/1/victim/uid", 5), "spec.impacts[1].victim.uid: expected text, found 5");
  EXPECT_EQ(error_at("/spec/impacts/1/victim/uid", ""), "spec.impacts[1].victim.uid: expected text, found \"\"");
  EXPECT_EQ(error_at("/spec/impacts/1/victim/containerID", nullptr),
            "spec.impacts[1].victim: \"containerID\" is missing");
  EXPECT_EQ(error_at("/spec/impacts/0/victim/kind", "vm"),
            "spec.impacts[0].victim.kind: expected one of pod, container, node, found \"vm\"");
  EXPECT_EQ(error_at("/spec/impacts/2/id", 1), "spec.impacts[2].id: another impact has this id");
  EXPECT_EQ(error_at("/spec/leaseMs", 3'600'000), "spec.leaseMs: expected above 0 and at most 60000, found 3600000");
  EXPECT_EQ(error_at("/spec/leaseMs", 0), "spec.leaseMs: expected above 0 and at most 60000, found 0");
  EXPECT_EQ(error_at("/spec/run", nullptr), "spec: \"run\" is missing");
  EXPECT_EQ(error_at("/spec/impacts/0/attack", 5).substr(0, 23), "spec.impacts[0].attack:");
}

TEST(Injection, WhatCanBeReadOfOneIsEnoughToTakeItsFinaliserAway) {
  auto readable = [](const json::Value& object) {
    std::string why;
    auto injection = injection_as_readable(object, why);
    EXPECT_NE(why, "");
    return injection.value_or(Injection());
  };
  json::Value object = stored(full_injection());
  object.as_object()["status"] = json::parse(R"({"impacts": 5})").value();
  Injection without_status = readable(object);
  EXPECT_EQ(without_status.spec.impacts.size(), full_injection().spec.impacts.size());
  EXPECT_TRUE(without_status.has_finalizer);

  object = stored(full_injection());
  object.at_pointer("/spec/impacts/1/id") = object.at_pointer("/spec/impacts/0/id");
  Injection without_spec = readable(object);
  EXPECT_EQ(without_spec.name, full_injection().name);
  EXPECT_EQ(without_spec.spec.node, full_injection().spec.node);
  EXPECT_EQ(without_spec.spec.lease, kLongestLease);
  EXPECT_TRUE(without_spec.spec.impacts.empty());
  EXPECT_TRUE(without_spec.has_finalizer);

  object.as_object()["metadata"] = json::Object();
  std::string why;
  EXPECT_FALSE(injection_as_readable(object, why));
}

TEST(ObjectLife, IsReadOfWhatIsUnreadableOtherwise) {
  auto life = [](const char* text) { return life_of(json::parse(text).value()); };
  ObjectLife deleted = life(R"({"metadata": {"uid": "u", "deletionTimestamp": "2026-11-30T05:00:00Z"}, "spec": 5})");
  EXPECT_EQ(deleted.uid, "u");
  EXPECT_TRUE(deleted.deleting);
  EXPECT_FALSE(life(R"({"metadata": {"uid": "u", "deletionTimestamp": null}})").deleting);
  for (const char* text : {"null", "{}", R"({"metadata": 5})", R"({"metadata": {"uid": 5}})"})
    EXPECT_EQ(life(text).uid, "") << text;
}

TEST(Halt, WhatCannotBeReadIsEngaged) {
  EXPECT_FALSE(halt_from_json(nullptr));
  auto halt = [](const char* text) {
    json::Value value = json::parse(text).value();
    return halt_from_json(&value).value();
  };
  Halt plain = halt(R"({"metadata": {"name": "global", "uid": "u", "generation": 4}})");
  EXPECT_TRUE(plain.engaged);
  EXPECT_EQ(plain.tag(), "u/4");
  EXPECT_FALSE(halt(R"({"metadata": {"uid": "u"}, "spec": {"engaged": false}})").engaged);
  Halt said = halt(R"({"metadata": {"uid": "u"}, "spec": {"reason": "an incident", "by": "anna"}})");
  EXPECT_EQ(said.reason + " " + said.by, "an incident anna");
  for (const char* text : {"5", "null", "{}", R"({"metadata": {"uid": "u"}, "spec": {"engaged": "no"}})",
                           R"({"metadata": {"uid": "u"}, "spec": {"engaged": false, "reason": 5}})",
                           R"({"metadata": {"uid": "u"}, "spec": 7})"})
    EXPECT_TRUE(halt(text).engaged) << text;
}

TEST(ExperimentObject, KeepsTheObjectWithoutWhoWroteWhat) {
  constexpr const char* kText =
      R"({"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "slow",
    "namespace": "staging", "uid": "u", "resourceVersion": "9", "generation": 2, "managedFields": [{"manager": "kubectl"}]},
    "spec": {"attack": {"type": "cpu"}}, "status": {"run": "r1", "phase": "before"}})";
  ExperimentObject object = experiment_object_from_json(json::parse(kText).value()).value();
  EXPECT_EQ(object.namespace_ + "/" + object.name, "staging/slow");
  EXPECT_EQ(object.generation, 2);
  EXPECT_EQ(object.status.phase, "before");
  EXPECT_EQ(object.object.at("spec").at("attack").at("type"), "cpu");
  EXPECT_FALSE(object.object.at("metadata").as_object().contains("managedFields"));
  EXPECT_EQ(error_of(experiment_object_from_json(json::parse(R"({"metadata": {"name": "a"}})").value())),
            "metadata: \"namespace\" is missing");
}

// What a controller must hear at once, and may not wait for as for the good end of many.
TEST(ResourcesTest, OnlyTheEndThatWasAskedForIsExpected) {
  InjectionStatus status;
  status.state = "reverted";
  status.impacts.emplace_back().state = "reverted";
  for (const char* by : {"", "latch", "person"}) {
    status.halted_by = by;
    EXPECT_TRUE(is_expected_end(status)) << by;
  }
  std::vector<std::function<void(InjectionStatus&)>> news = {
      [](auto& one) { one.state = "injected"; },          [](auto& one) { one.halted_by = "error"; },
      [](auto& one) { one.halted_by = "lease"; },         [](auto& one) { one.impacts[0].clean = false; },
      [](auto& one) { one.impacts[0].broken = true; },    [](auto& one) { one.impacts[0].state = "gone"; },
      [](auto& one) { one.impacts[0].state = "failed"; }, [](auto& one) { one.impacts[0].error = "refused"; }};
  for (size_t i = 0; i < news.size(); ++i) {
    InjectionStatus other = status;
    news[i](other);
    EXPECT_FALSE(is_expected_end(other)) << i;
  }
}

}  // namespace
}  // namespace ordeal::cluster
