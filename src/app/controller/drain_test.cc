#include "app/controller/drain.h"

#include <gtest/gtest.h>

namespace ordeal::controller {
namespace {

using Kind = kube::ApiFailure::Kind;

kube::Answer<json::Value> failure(Kind kind, int code) {
  kube::ApiFailure failure;
  failure.kind = kind;
  failure.code = code;
  return tl::unexpected(std::move(failure));
}

json::Value halt(bool engaged) {
  return json::Object{{"metadata", json::Object{{"name", "global"}, {"uid", "u"}, {"generation", 1}}},
                      {"spec", json::Object{{"engaged", engaged}, {"reason", "a person"}, {"by", "anna"}}}};
}

// No Injection, and a Halt that is read as `reads` say, the last one again and again.
class DrainTest : public testing::Test {
 protected:
  Result<> drained(std::vector<kube::Answer<json::Value>> reads) {
    DrainWorld world;
    world.ask = [this, reads, turn = size_t{0}](const kube::Request& request) mutable -> kube::Answer<json::Value> {
      if (request.method == "GET") return reads.at(std::min(turn++, reads.size() - 1));
      writes.push_back(request.method + " " + request.body);
      return json::Value(json::Object());
    };
    world.list = [](const kube::Resource&, const kube::ObjectName&) { return json::Array(); };
    world.now = [this] { return now; };
    world.sleep = [this](Nanos time) { now += time; };
    world.say = [](const std::string&) {};
    return drain({.within = 10s}, world);
  }

  BootTime now = BootTime(1h);
  std::vector<std::string> writes;
};

TEST_F(DrainTest, ItReleasesTheHaltThatItMade) {
  ASSERT_TRUE(drained({failure(Kind::kNotFound, 404)}));
  ASSERT_EQ(writes.size(), 2u);
  EXPECT_TRUE(writes[0].starts_with("PATCH")) << writes[0];
  EXPECT_TRUE(writes[1].starts_with("DELETE")) << writes[1];
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
