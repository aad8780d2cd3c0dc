#include "run/session/cluster/injections.h"

#include <gtest/gtest.h>

namespace ordeal::session {
namespace {

constexpr const char* kName = "slow-k3x5q-node-a";

// One Injection of one impact, and what its agent writes.
class InjectionsTest : public testing::Test {
 protected:
  InjectionsTest() {
    seen.name = kName;
    seen.spec.run = "r1";
    seen.spec.node = "node-a";
    seen.spec.impacts.emplace_back();
    seen.status.impacts.emplace_back();
    injections.add(seen).asked = now;
  }
  cluster::ImpactStatus& impact() { return seen.status.impacts[0]; }
  Injections::Events says(const std::string& state, const std::string& of_impact) {
    seen.status.state = state;
    impact().state = of_impact;
    return injections.take(seen, now);
  }
  template <typename T>
  static std::vector<T> only(const Injections::Events& events) {
    std::vector<T> all;
    for (const engine::Event& event : events)
      if (const T* one = std::get_if<T>(&event)) all.push_back(*one);
    return all;
  }

  BootTime now = BootTime(1h);
  cluster::Injection seen;
  Injections injections;
};

TEST_F(InjectionsTest, WhatTheAgentFindsOfAVictimThatWentIsTold) {
  for (bool clean : {true, false}) {
    Injections fresh;
    std::swap(injections, fresh);
    seen.status.impacts[0] = {};
    injections.add(seen).asked = now;
    says("injected", "injected");
    EXPECT_EQ(only<engine::VictimGone>(says("injected", "gone")).size(), 1u);
    EXPECT_TRUE(says("injected", "gone").empty()) << "the same once more";
    impact().clean = clean;
    impact().error = clean ? "" : "a rule stays";
    if (clean) impact().proof = Proof{true, "packets", "", 1, 1, ""};
    auto told = only<engine::Reverted>(says("injected", "gone"));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].clean, clean);
    EXPECT_EQ(told[0].proof.proven, clean);
    EXPECT_EQ(told[0].error, impact().error);
    EXPECT_EQ(injections.revert_failed(), !clean);
    EXPECT_TRUE(only<engine::Reverted>(says("reverted", "gone")).empty()) << "it is told once";
  }
}

// Who asks twice ends a rollback, too: many nodes that hear the same halt do not.
TEST_F(InjectionsTest, AHaltIsToldOnceHoweverManyNodesHearIt) {
  cluster::Injection other = seen;
  other.name = "slow-k3x5q-node-b";
  injections.add(other).asked = now;
  size_t told = 0;
  for (cluster::Injection* one : {&seen, &other, &seen}) {
    one->status.state = "reverted";
    one->status.halted_by = "latch";
    told += only<engine::HaltAsked>(injections.take(*one, now)).size();
  }
  EXPECT_EQ(told, 1u);
}

TEST_F(InjectionsTest, WhatStaysOfOneThatFailedIsTold) {
  EXPECT_EQ(only<engine::ApplyFailed>(says("injected", "failed")).size(), 1u);
  impact().clean = false;
  auto told = only<engine::Reverted>(says("reverted", "reverted"));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_FALSE(told[0].clean);
  EXPECT_TRUE(injections.revert_failed());
}

TEST_F(InjectionsTest, AStatusThatIsSeenLateMakesNothingLonger) {
  BootTime asked = now;
  now += 3s;
  says("injected", "injected");
  impact().in_force = 4s;
  now += 10s;
  auto told = only<engine::Reverted>(says("reverted", "reverted"));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].applied, asked + 3s);
  EXPECT_EQ(told[0].reverted, asked + 4s);
}

TEST_F(InjectionsTest, WhatWasOverBeforeItWasSeenWasNeverSeenInForce) {
  BootTime asked = now;
  now += 8s;
  says("injected", "injected");
  impact().in_force = 4s;
  auto told = only<engine::Reverted>(says("reverted", "reverted"));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].reverted, asked + 4s);
  EXPECT_EQ(told[0].applied, told[0].reverted);
}

TEST_F(InjectionsTest, WhoeverTakesItAwayConfirmsNothing) {
  says("injected", "injected");
  EXPECT_TRUE(injections.take_gone(kName));
  EXPECT_FALSE(injections.take_gone(kName));
  EXPECT_FALSE(injections.all_over());
  auto told = only<engine::Reverted>(injections.not_confirmed(*injections.find(kName), now + 1min));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_FALSE(told[0].clean);
  EXPECT_NE(told[0].error.find("its Injection is gone"), std::string::npos) << told[0].error;
  EXPECT_FALSE(injections.find(kName)->confirmed);
  EXPECT_FALSE(injections.revert_failed()) << "nobody has said so";
}

TEST_F(InjectionsTest, WhoHasRevertedMayGo) {
  says("injected", "injected");
  says("reverted", "reverted");
  EXPECT_FALSE(injections.take_gone(kName));
  EXPECT_TRUE(injections.all_over());
  EXPECT_TRUE(injections.find(kName)->confirmed);
}

}  // namespace
}  // namespace ordeal::session
