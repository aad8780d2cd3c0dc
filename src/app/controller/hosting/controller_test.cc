#include "app/controller/hosting/controller.h"

#include <gtest/gtest.h>

#include "app/controller/hosting/testing.h"

namespace ordeal::controller {
namespace {

using Kind = kube::ApiFailure::Kind;

kube::Answer<json::Value> failed(Kind kind, int code) {
  kube::ApiFailure failure;
  failure.kind = kind;
  failure.code = code;
  return tl::unexpected(std::move(failure));
}

constexpr const char* kOfShop = "  target: {type: kubernetes, labels: {app: api}}\n";
constexpr const char* kOfBank = "  target: {type: kubernetes, namespace: bank, labels: {app: api}}\n";

std::string running(const std::string& run) {
  cluster::ExperimentStatus status;
  status.run = run;
  status.victims = status.renewal.count = 1;
  return json::write(to_json(status));
}

std::string ended(const std::string& run, Nanos when) {
  cluster::ExperimentStatus status;
  status.run = run;
  status.ended = rfc3339(when);
  cluster::set_condition(status.conditions, {"Complete", cluster::Truth::kTrue, "Held", "it held", ""}, when);
  return json::write(to_json(status));
}

class ControllerTest : public testing::Test {
 protected:
  void begin() {
    cluster.ports.keep_records = 1;
    controller.emplace(cluster.ports, cluster.stores);
    controller->experiments_synced();
    controller->injections_synced();
    controller->lead(true);
  }
  void put(const std::string& spec, const std::string& name, const std::string& status = "{}",
           const std::string& metadata = "") {
    controller->put_experiment(MadeUpCluster::experiment_json(spec, name, status, metadata));
  }
  void play(const std::function<kube::Answer<json::Value>(const kube::Request&)>& answer) {
    cluster.play(*controller, answer);
  }
  int64_t asked(const std::string& method, const std::string& part) const {
    return std::count_if(cluster.paths.begin(), cluster.paths.end(), [&](const std::string& path) {
      return path.starts_with(method) && path.find(part) != std::string::npos;
    });
  }
  bool wrote(const std::string& part) const {
    return std::any_of(cluster.bodies.begin(), cluster.bodies.end(),
                       [&](const std::string& body) { return body.find(part) != std::string::npos; });
  }
  static kube::Answer<json::Value> fine(const kube::Request&) {
    return json::Value(json::Object{{"items", json::Array()}});
  }

  MadeUpCluster cluster;
  std::optional<Controller> controller;
};

TEST_F(ControllerTest, AtMostEightAreAdmittedAtOnce) {
  std::vector<Ports::SourceChecked> checks;
  cluster.ports.check_source = [&](const Experiment&, const watch::SourceLogin&, Ports::SourceChecked checked) {
    checks.push_back(std::move(checked));
  };
  begin();
  for (int i = 0; i < 20; ++i) put(kOfShop, fmt::format("slow-{}", i));
  play(fine);
  ASSERT_EQ(checks.size(), 8u);
  EXPECT_GT(controller->next_wake(), cluster.now) << "it would turn for nothing while it waits";
  checks[3](fail(Errc::kTimeout, "no answer"));
  play(fine);
  cluster.now += 1s;
  play(fine);
  EXPECT_EQ(checks.size(), 9u);
  EXPECT_EQ(asked("PATCH", "/experiments/"), 1);
}

// What a dead controller has left is ended whatever waits to be admitted.
TEST_F(ControllerTest, ATakeoverIsNotKeptWaiting) {
  cluster.ports.check_source = [](const auto&, const auto&, auto) {};
  begin();
  for (int i = 0; i < 20; ++i) put(kOfShop, fmt::format("slow-{}", i));
  play(fine);
  put(kOfShop, "taken-over", running("r1"));
  play(fine);
  EXPECT_EQ(asked("PATCH", "/experiments/taken-over/status"), 1);
}

// Of the run r1, on node-1; its agent has not let it go.
json::Value left_injection(const json::Value& spec, const json::Value& status) {
  return json::Object{
      {"metadata", json::Object{{"name", "slow-1"},
                                {"namespace", "shop"},
                                {"uid", "i1"},
                                {"labels", json::Object{{"ordeal.dev/node", "node-1"}, {"ordeal.dev/run", "r1"}}},
                                {"finalizers", json::Array{"ordeal.dev/revert"}}}},
      {"spec", spec},
      {"status", status}};
}

TEST_F(ControllerTest, ATakeoverWaitsForAnInjectionThatItCannotRead) {
  begin();
  put(kOfShop, "slow", running("r1"));
  auto answer = [](const kube::Request& request) -> kube::Answer<json::Value> {
    if (request.method != "GET" || request.path.find("/injections") == std::string::npos) return fine(request);
    return json::Value(
        json::Object{{"items", json::Array{left_injection(json::Object{{"impacts", 7}}, json::Object())}}});
  };
  for (Nanos waited = 0s; waited < 2 * cluster::kLongestLease; waited += 1s, cluster.now += 1s) play(answer);
  EXPECT_EQ(asked("PATCH", "/injections/slow-1"), 0) << "its lease may be the longest";
  for (int tick = 0; tick < 5; ++tick, cluster.now += 1s) play(answer);
  EXPECT_EQ(asked("PATCH", "/injections/slow-1"), 1);
  EXPECT_TRUE(wrote("the agents of node-1 have not confirmed"));
}

TEST_F(ControllerTest, ATakeoverSaysWhatWasHitAlsoWhereTheDeadControllerHadNotSeenIt) {
  cluster::Injection injection;
  injection.spec.run = "r1", injection.spec.experiment = "slow", injection.spec.experiment_uid = "u1";
  injection.spec.node = "node-1";
  cluster::ImpactStatus impact;
  impact.state = "reverted";
  impact.in_force = 3s;
  cluster::InjectionStatus status;
  status.state = "reverted";
  status.impacts = {impact};
  json::Value spec = cluster::injection_to_create(injection).as_object()["spec"];
  begin();
  put(kOfShop, "slow", running("r1"));
  for (int tick = 0; tick < 5; ++tick, cluster.now += 1s)
    play([&](const kube::Request& request) -> kube::Answer<json::Value> {
      if (request.method != "GET" || request.path.find("/injections") == std::string::npos) return fine(request);
      return json::Value(json::Object{{"items", json::Array{left_injection(spec, to_json(status))}}});
    });
  EXPECT_TRUE(wrote(R"("reason":"PartlyInjected")"));
}

TEST_F(ControllerTest, WhatCannotBeWrittenIsTriedLessAndLessAndToldOnce) {
  begin();
  put(kOfBank, "slow");
  for (int tick = 0; tick < 600; ++tick, cluster.now += 100ms)
    play([](const kube::Request& request) {
      return request.method == "PATCH" ? failed(Kind::kInvalid, 422) : fine(request);
    });
  int64_t tried = asked("PATCH", "/experiments/slow/status");
  EXPECT_GE(tried, 6);
  EXPECT_LE(tried, 10) << "within a minute";
  EXPECT_EQ(asked("POST", "/events"), 0) << "told, and not written";
  for (int tick = 0; tick < 400; ++tick, cluster.now += 100ms) play(fine);
  EXPECT_EQ(asked("PATCH", "/experiments/slow/status"), tried + 1);
  EXPECT_EQ(asked("POST", "/events"), 1);
}

TEST_F(ControllerTest, ARecordThatWasNotDeletedIsTriedAgain) {
  begin();
  for (int i = 0; i < 2; ++i) put(kOfShop, fmt::format("old-{}", i), ended(fmt::format("r{}", i), seconds(1 + i)));
  auto end_one = [&](const char* name, bool allowed) {
    std::string status = running(fmt::format("run-of-{}", name));
    put(kOfShop, name, status);
    play(fine);
    put(kOfShop, name, status, ", deletionTimestamp: '2026-11-23T20:20:00Z'");
    cluster.paths.clear();
    for (int tick = 0; tick < 8; ++tick, cluster.now += 1s)
      play([&](const kube::Request& request) {
        return request.method == "DELETE" && !allowed ? failed(Kind::kForbidden, 403) : fine(request);
      });
    return asked("DELETE", "/configmaps/ordeal-r0-");
  };
  EXPECT_EQ(end_one("a", false), store::kMostParts);
  EXPECT_EQ(end_one("b", true), store::kMostParts);
  EXPECT_EQ(end_one("c", true), 0);
}

}  // namespace
}  // namespace ordeal::controller
