#include "app/controller/hosting/latch.h"

#include <gtest/gtest.h>

namespace ordeal::controller {
namespace {

// The latch, and a server that answers when the test says so.
class LatchTest : public testing::Test {
 protected:
  LatchTest() {
    ports.send = [this](kube::Request request, kube::Client::Callback callback) {
      asked.push_back({std::move(request), std::move(callback)});
    };
    ports.now = [this] { return now; };
    ports.log = [this](const std::string&) { ++logged; };
    ports.namespace_ = "ordeal";
  }
  void forbid() {
    kube::ApiFailure failure;
    failure.kind = kube::ApiFailure::Kind::kForbidden;
    asked.back().second(tl::unexpected(failure));
  }

  Ports ports;
  BootTime now = BootTime(1h);
  std::vector<std::pair<kube::Request, kube::Client::Callback>> asked;
  int logged = 0;
};

TEST_F(LatchTest, TriesUntilItIsWrittenAndOnceForEachRun) {
  Latch latch(ports);
  EXPECT_EQ(latch.next_wake(), BootTime::max());
  latch.engage("r1");
  for (size_t times = 1; times <= 3; ++times) {
    EXPECT_LE(latch.next_wake(), now);
    latch.dispatch();
    ASSERT_EQ(asked.size(), times);
    forbid();
    EXPECT_TRUE(latch.pending());
    latch.dispatch();
    EXPECT_EQ(asked.size(), times) << "not at once";
    now = latch.next_wake();
  }
  EXPECT_EQ(logged, 1);
  latch.dispatch();
  EXPECT_NE(asked.back().first.path.find("/halts/global"), std::string::npos);
  EXPECT_NE(asked.back().first.body.find("a revert failed in r1"), std::string::npos);
  asked.back().second(json::Value());
  EXPECT_FALSE(latch.pending());
  latch.engage("r1");
  EXPECT_FALSE(latch.pending()) << "a person may have released it meanwhile";
  latch.engage("r2");
  EXPECT_TRUE(latch.pending());
}

TEST_F(LatchTest, WhereOneNamespaceIsAllItIsAConfigMap) {
  ports.may_inject = false;
  Latch latch(ports);
  latch.engage("r1");
  latch.dispatch();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].first.path, "/api/v1/namespaces/ordeal/configmaps/ordeal-halt");
  EXPECT_NE(asked[0].first.body.find(R"("engaged":"true")"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::controller
