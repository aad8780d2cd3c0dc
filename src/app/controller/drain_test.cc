#include "app/controller/drain.h"

#include <gtest/gtest.h>

#include "core/model/cluster/resources.h"

namespace ordeal::controller {
namespace {

using Kind = kube::ApiFailure::Kind;

kube::Answer<json::Value> failure(Kind kind, int code) {
  kube::ApiFailure failure;
  failure.kind = kind;
  failure.code = code;
  return tl::unexpected(std::move(failure));
}

json::Value halt(bool engaged, const char* by = "anna") {
  return json::Object{
      {"metadata", json::Object{{"name", "global"}, {"uid", "u"}, {"resourceVersion", "7"}, {"generation", 1}}},
      {"spec", json::Object{{"engaged", engaged}, {"reason", "said so"}, {"by", by}}}};
}

const json::Value kOurs = halt(true, "ordeal drain");

// Over, as its agent says.
json::Value ended_injection(bool clean) {
  cluster::Injection injection;
  injection.namespace_ = "shop";
  injection.name = "slow-1";
  injection.spec.run = "r1", injection.spec.experiment = "slow", injection.spec.experiment_uid = "u1";
  injection.spec.node = "node-a";
  cluster::ImpactStatus impact;
  impact.state = "reverted";
  impact.clean = clean;
  if (!clean) impact.error = "half of it is frozen";
  cluster::InjectionStatus status;
  status.state = "reverted";
  status.impacts = {impact};
  json::Value object = cluster::injection_to_create(injection);
  object.as_object()["metadata"].as_object()["uid"] = "i1";
  object.as_object()["metadata"].as_object().erase("finalizers");
  object.as_object()["status"] = to_json(status);
  return object;
}

// What is listed, and a Halt that is read as `reads` say, the last one again and again.
class DrainTest : public testing::Test {
 protected:
  Result<> drained(std::vector<kube::Answer<json::Value>> reads) {
    DrainWorld world;
    world.ask = [this, reads, turn = size_t{0}](const kube::Request& request) mutable -> kube::Answer<json::Value> {
      if (request.method == "GET") return reads.at(std::min(turn++, reads.size() - 1));
      writes.push_back(request.method + " " + request.body);
      if (refused_writes.empty()) return json::Value(json::Object());
      auto kind = refused_writes.front();
      refused_writes.erase(refused_writes.begin());
      return failure(kind, 409);
    };
    world.list = [this](const kube::Resource&, const kube::ObjectName&) { return listed; };
    world.now = [this] { return now; };
    world.sleep = [this](Nanos time) { now += time; };
    world.say = [this](const std::string& line) { said += line + "\n"; };
    return drain({.within = 10s}, world);
  }

  BootTime now = BootTime(1h);
  json::Array listed;
  std::vector<std::string> writes;
  std::vector<Kind> refused_writes;  // the first ones
  std::string said;
};

TEST_F(DrainTest, ItReleasesTheHaltThatItMade) {
  listed = {ended_injection(true)};
  ASSERT_TRUE(drained({failure(Kind::kNotFound, 404), kOurs}));
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_TRUE(writes[0].starts_with("POST")) << writes[0];
  EXPECT_TRUE(writes[1].starts_with("DELETE")) << writes[1];
  EXPECT_NE(writes[1].find(R"("uid":"u","resourceVersion":"7")"), std::string::npos) << writes[1];
}

TEST_F(DrainTest, TheHaltOfADrainThatFailedIsReleasedByTheNext) {
  ASSERT_TRUE(drained({kOurs}));
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_NE(writes[0].find(R"("engaged":false)"), std::string::npos) << writes[0];
}

TEST_F(DrainTest, AReleasedHaltIsReleasedAgain) {
  ASSERT_TRUE(drained({halt(false), kOurs}));
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_NE(writes[1].find(R"("engaged":false)"), std::string::npos) << writes[1];
  EXPECT_NE(writes[1].find(R"("resourceVersion":"7")"), std::string::npos) << writes[1];
}

TEST_F(DrainTest, AHaltThatSomebodyElseEngagesMeanwhileStays) {
  for (const char* by : {"anna", "ordeal controller"}) {
    ASSERT_TRUE(drained({failure(Kind::kNotFound, 404), halt(true, by)}));
    EXPECT_EQ(writes.size(), 1u) << "only its own";
    EXPECT_NE(said.find(std::string("stays halted: said so (") + by + ")"), std::string::npos) << said;
    writes.clear();
  }
  ASSERT_TRUE(drained({failure(Kind::kNotFound, 404), halt(false)}));
  EXPECT_EQ(writes.size(), 1u) << "somebody has released it";
}

TEST_F(DrainTest, WhatAnAgentCouldNotRevertStopsItAndTheHaltStays) {
  listed = {ended_injection(true), ended_injection(false)};
  auto refused = drained({failure(Kind::kNotFound, 404), kOurs});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kRevertFailed);
  EXPECT_NE(refused.error().message().find("shop/slow-1 on node-a could not be reverted: half of it is frozen"),
            std::string::npos)
      << refused.error().message();
  EXPECT_EQ(writes.size(), 1u);
}

TEST_F(DrainTest, WhatCannotBeReadIsNotTakenForReverted) {
  json::Value odd = ended_injection(true);
  odd.as_object()["status"].as_object()["impacts"] = 7;
  json::Value nameless = json::Object{{"metadata", json::Object()}};
  for (const auto& [unread, told] :
       {std::pair(odd, "shop/slow-1 on node-a: status.impacts"), std::pair(nameless, "\"name\" is missing")}) {
    listed = {ended_injection(true), unread, ended_injection(true)};
    auto refused = drained({failure(Kind::kNotFound, 404), kOurs});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kRevertFailed);
    EXPECT_NE(refused.error().message().find(told), std::string::npos) << refused.error().message();
  }
}

// Between what is read and what is written somebody else may engage, release or delete it.
TEST_F(DrainTest, AHaltThatChangesMeanwhileIsReadAgain) {
  refused_writes = {Kind::kAlreadyExists};
  ASSERT_TRUE(drained({failure(Kind::kNotFound, 404), halt(true)}));
  EXPECT_EQ(writes.size(), 1u) << "anna's";
  writes.clear(), refused_writes = {Kind::kConflict};
  ASSERT_TRUE(drained({halt(false), halt(true)}));
  EXPECT_EQ(writes.size(), 1u) << "anna's";
  EXPECT_NE(writes[0].find(R"("resourceVersion":"7")"), std::string::npos) << writes[0];
  writes.clear(), refused_writes = {Kind::kConflict};
  ASSERT_TRUE(drained({kOurs, kOurs, halt(true)}));
  EXPECT_EQ(writes.size(), 1u) << "released by nobody but her";
  writes.clear(), refused_writes = {Kind::kConflict};
  ASSERT_TRUE(drained({kOurs, kOurs, kOurs}));
  EXPECT_EQ(writes.size(), 2u) << "a change that leaves it ours";
}

TEST_F(DrainTest, ItReleasesNobodyElses) {
  ASSERT_TRUE(drained({halt(true)}));
  EXPECT_TRUE(writes.empty());
  ASSERT_TRUE(drained({failure(Kind::kServer, 500), failure(Kind::kThrottled, 429), halt(true)}));
  EXPECT_TRUE(writes.empty()) << "a read that failed in passing is none that found nothing";
}

TEST_F(DrainTest, AHaltThatCannotBeReadStopsIt) {
  auto refused = drained({failure(Kind::kForbidden, 403)});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("whether the cluster is halted"), std::string::npos)
      << refused.error().message();
  EXPECT_FALSE(drained({failure(Kind::kServer, 500)}));
  EXPECT_TRUE(writes.empty());
}

}  // namespace
}  // namespace ordeal::controller
