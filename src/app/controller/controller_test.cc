#include <gtest/gtest.h>

#include "app/controller/drain.h"
#include "app/controller/hosting/verdicts.h"
#include "app/controller/writing/record_keeper.h"
#include "app/controller/writing/status_writer.h"
#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

using Kind = kube::ApiFailure::Kind;

kube::ApiFailure failure(Kind kind) {
  kube::ApiFailure failure;
  failure.kind = kind;
  return failure;
}

struct Server {
  struct Asked {
    kube::Request request;
    kube::Client::Callback callback;
  };
  std::vector<Asked> asked;
  BootTime now = BootTime(1h);

  session::Send send() {
    return [this](kube::Request request, kube::Client::Callback callback) {
      asked.push_back({std::move(request), std::move(callback)});
    };
  }
  session::Now clock() {
    return [this] { return now; };
  }
  void answer(kube::Answer<json::Value> answer = json::Value()) {
    Asked first = std::move(asked.front());
    asked.erase(asked.begin());
    first.callback(std::move(answer));
  }
};

class StatusWriterTest : public testing::Test {
 protected:
  void turn(Nanos time = Nanos(0)) {
    server.now += time;
    writer.dispatch();
  }
  cluster::ExperimentStatus status(int64_t count, const std::string& phase = "during") const {
    cluster::ExperimentStatus status;
    status.run = "r1";
    status.holder = "me";
    status.phase = phase;
    status.renewal.count = count;
    return status;
  }
  Server server;
  std::vector<int64_t> written;
  std::optional<std::string> lost;
  StatusWriter writer{server.send(),
                      server.clock(),
                      {"shop", "slow"},
                      {[](const auto&) {}, [this](const auto& status) { written.push_back(status.renewal.count); },
                       [this](const std::string& why) { lost = why; }}};
};

TEST_F(StatusWriterTest, WritesAtMostOnceASecondButWhatIsUrgentAtOnce) {
  writer.want(status(1), false);
  turn();
  ASSERT_EQ(server.asked.size(), 1u);
  server.answer();
  writer.want(status(1, "revert"), false);
  turn(900ms);
  EXPECT_TRUE(server.asked.empty());
  writer.want(status(2, "revert"), true);
  turn();
  ASSERT_EQ(server.asked.size(), 1u);
  server.answer();
  EXPECT_EQ(written, (std::vector<int64_t>{1, 2}));
  writer.want(status(2, "revert"), false);
  turn(10s);
  EXPECT_TRUE(server.asked.empty()) << "what is written already is not written again";
}

TEST_F(StatusWriterTest, OneWriteAtATimeAndTheNewestWins) {
  writer.want(status(1), true);
  turn();
  writer.want(status(2), true);
  writer.want(status(3), true);
  turn();
  EXPECT_EQ(server.asked.size(), 1u);
  server.answer(tl::unexpected(failure(Kind::kTimeout)));
  turn(200ms);
  ASSERT_EQ(server.asked.size(), 1u);
  server.answer();
  EXPECT_EQ(written, std::vector<int64_t>{3});
}

TEST_F(StatusWriterTest, TestsThatRunAndHolderAreItsOwn) {
  writer.want(status(1), true);
  turn();
  EXPECT_NE(server.asked[0].request.body.find(R"({"op":"test","path":"/status/run","value":"r1"})"), std::string::npos);
  EXPECT_NE(server.asked[0].request.body.find(R"({"op":"test","path":"/status/holder","value":"me"})"),
            std::string::npos);
  server.answer(tl::unexpected(failure(Kind::kInvalid)));
  ASSERT_EQ(server.asked.size(), 1u);
  EXPECT_EQ(server.asked[0].request.method, "GET");
  json::Value other = json::Object{{"status", json::Object{{"run", "r1"}, {"holder", "another"}}}};
  server.answer(other);
  ASSERT_TRUE(lost);
  EXPECT_NE(lost->find("another"), std::string::npos);
}

TEST_F(StatusWriterTest, AStatusThatTheServerDoesNotTakeIsNoLoss) {
  writer.want(status(1), true);
  turn();
  server.answer(tl::unexpected(failure(Kind::kInvalid)));
  server.answer(json::Value(json::Object{{"status", json::Object{{"run", "r1"}, {"holder", "me"}}}}));
  EXPECT_FALSE(lost);
  EXPECT_FALSE(writer.trouble().empty());
  turn(5s);
  EXPECT_EQ(server.asked.size(), 1u) << "it is tried again";
}

TEST(RecordKeeperTest, WhatItWritesIsReadBack) {
  RunEvent event{0, "r20261123t201504z-k3x5q", BootTime(1s), Nanos(0), events::Ended{{Outcome::kHeld, "all held", ""}}};
  store::NewRun run{event.run, "slow", Nanos(0), json::Object(), json::Object()};
  store::ClusterRecord record(run);
  record.append(event);
  RecordOwner owner{"shop", "slow", "uid-1", event.run};
  json::Array maps;
  for (const store::RecordPart& part : record.take_changed()) {
    kube::Request request = record_write(owner, part);
    EXPECT_EQ(request.method, "PATCH");
    maps.push_back(json::parse(request.body).value());
  }
  maps.push_back(json::Object{{"metadata", json::Object{{"name", "somebody's"}}}, {"data", json::Object{{"a", "b"}}}});
  const json::Object& metadata = maps[0].at("metadata").as_object();
  EXPECT_EQ(metadata.at("labels").at(cluster::kRecordLabel), json::Value("true"));
  EXPECT_EQ(metadata.at("ownerReferences").at(0).at("uid"), json::Value("uid-1"));
  auto read = store::read_cluster_record(record_parts(owner, maps));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->row.verdict, "held");
}

TEST(VerdictsTest, AreSaidInConditions) {
  EXPECT_EQ(camel_case("not injected"), "NotInjected");
  EXPECT_EQ(verdict_word(Outcome::kRevertFailed), "revert_failed");
  cluster::ExperimentStatus status;
  Ending ending;
  ending.verdict = {Outcome::kDeviated, "errors reached 4 %", ""};
  ending.injected = true;
  put_ending(status, ending, Nanos(1s));
  EXPECT_EQ(status.exit, 1);
  EXPECT_EQ(cluster::find_condition(status.conditions, "Held")->status, cluster::Truth::kFalse);
  EXPECT_EQ(cluster::find_condition(status.conditions, "Complete")->reason, "Deviated");
  EXPECT_EQ(cluster::find_condition(status.conditions, "Reverted")->reason, "Confirmed");
}

TEST(VerdictsTest, ConditionsSayFromTheBeginningWhatIsNotYet) {
  cluster::ExperimentStatus status;
  auto said = [&](const char* type) {
    const cluster::Condition* condition = cluster::find_condition(status.conditions, type);
    return condition ? std::string(to_text(condition->status)) + " " + condition->reason : "absent";
  };
  put_beginning(status, "2 of 3", Nanos(1s));
  EXPECT_EQ(said("Admitted"), "True Admitted");
  EXPECT_EQ(said("Injected"), "False NotYet");
  EXPECT_EQ(said("Reverted"), "Unknown NothingInForceYet");
  EXPECT_EQ(said("Complete"), "False Running");
  EXPECT_EQ(said("Held"), "Unknown NotYet");
  put_in_force(status, "2 of 2", Nanos(2s));
  EXPECT_EQ(said("Injected"), "True InForce");
  EXPECT_EQ(said("Reverted"), "False InForce");

  cluster::ExperimentStatus partly;
  put_beginning(partly, "2 of 3", Nanos(1s));
  Ending ending;
  ending.verdict = {Outcome::kNotInjected, "1 of 2 victims was hit", ""};
  ending.hit = true;
  put_ending(partly, ending, Nanos(2s));
  status = partly;
  EXPECT_EQ(said("Injected"), "False PartlyInjected");
  EXPECT_EQ(said("Reverted"), "True Confirmed");
  EXPECT_EQ(said("Complete"), "True NotInjected");
}

// A cluster with one Injection whose agent may be gone, and a controller that ends when it is scaled down.
struct DrainedCluster {
  bool halted = false, released = false, has_injection = true, agent = true;
  int64_t replicas = 2;
  BootTime now = BootTime(1h);
  std::vector<std::string> said;

  json::Value injection() const {
    cluster::Injection injection;
    injection.namespace_ = "shop";
    injection.name = "slow-node-1";
    injection.spec.run = "r1";
    injection.spec.experiment = "slow";
    injection.spec.experiment_uid = "uid";
    injection.spec.node = "node-1";
    json::Value object = cluster::injection_to_create(injection);
    object.as_object()["metadata"].as_object()["uid"] = "uid-1";
    return object;
  }
  DrainWorld world() {
    DrainWorld world;
    world.ask = [this](const kube::Request& request) { return ask(request); };
    world.list = [this](const kube::Resource&, const kube::ObjectName&) {
      if (agent && halted) has_injection = false;
      return kube::Answer<json::Array>(has_injection ? json::Array{injection()} : json::Array());
    };
    world.now = [this] { return now; };
    world.sleep = [this](Nanos time) { now += time; };
    world.say = [this](const std::string& text) { said.push_back(text); };
    return world;
  }
  kube::Answer<json::Value> ask(const kube::Request& request) {
    bool halts = request.path.find("/halts") != std::string::npos;
    if (halts && request.method == "GET") {
      if (!halted) return tl::unexpected(failure(Kind::kNotFound));
      return json::Value(json::Object{{"metadata", json::Object{{"uid", "u"}, {"resourceVersion", "7"}}},
                                      {"spec", json::Object{{"engaged", true}, {"by", "ordeal drain"}}}});
    }
    if (halts && request.method == "DELETE") released = true;
    if (halts) halted = true;
    if (request.path.find("/injections/") != std::string::npos) has_injection = false;
    if (request.path.find("/deployments/") != std::string::npos && request.method == "PATCH") replicas = 0;
    return json::Value(json::Object{{"status", json::Object{{"replicas", replicas}}}});
  }
};

TEST(DrainingTest, HaltsWaitsEndsTheControllerAndReleases) {
  DrainedCluster cluster;
  auto done = drain({.deployment = "ordeal-controller"}, cluster.world());
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(cluster.halted && cluster.released && !cluster.has_injection);
  EXPECT_EQ(cluster.replicas, 0);
}

TEST(DrainingTest, TakesTheFinaliserOfALostNodeAfterTheLease) {
  DrainedCluster cluster;
  cluster.agent = false;
  BootTime began = cluster.now;
  auto done = drain({}, cluster.world());
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_GE(cluster.now - began, cluster::kClusterLease);
  bool named = std::any_of(cluster.said.begin(), cluster.said.end(),
                           [](const std::string& text) { return text.find("node-1") != std::string::npos; });
  EXPECT_TRUE(named);
}

TEST(DrainingTest, SaysWhatHangsWhenTheTimeIsOver) {
  DrainedCluster cluster;
  cluster.agent = false;
  auto done = drain({.within = 10s}, cluster.world());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kRevertFailed);
  EXPECT_NE(done.error().message().find("slow-node-1 on node-1"), std::string::npos) << done.error().message();
  EXPECT_FALSE(cluster.released) << "the cluster stays halted";
}

}  // namespace
}  // namespace ordeal::controller
