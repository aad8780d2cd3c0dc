#include "app/agent/course/impact_words.h"

#include "app/agent/course/course_testing.h"

namespace ordeal::agent {
namespace {

cluster::Injection injection_with(const char* state, const char* impact) {
  cluster::Injection injection;
  injection.spec = spec_of(1);
  injection.status.state = state;
  if (*impact) injection.status.impacts.push_back({10, impact});
  return injection;
}

TEST(AfterARestart, WhatWasInForceIsReverted) {
  auto status = status_after_restart(injection_with("injected", "injected"), "a", {"thawed /x"}, {}, Nanos(0));
  EXPECT_EQ(status.state, "reverted");
  EXPECT_EQ(status.impacts[0].state, "reverted");
  EXPECT_TRUE(status.impacts[0].clean);
  EXPECT_TRUE(status.impacts[0].broken);
  EXPECT_NE(status.why.find("thawed /x"), std::string::npos);
}

TEST(AfterARestart, WhatWasNeverToldIsNotInjected) {
  auto status = status_after_restart(injection_with("", ""), "a", {}, {}, Nanos(0));
  EXPECT_EQ(status.impacts[0].state, "failed");
  EXPECT_EQ(status.impacts[0].code, "not_injected");
  EXPECT_EQ(status.why, "the agent was restarted");
}

TEST(AfterARestart, WhatCouldNotBeUndoneIsSaid) {
  auto status = status_after_restart(injection_with("injected", "injected"), "a", {}, {"/x is frozen"}, Nanos(0));
  EXPECT_FALSE(status.impacts[0].clean);
  EXPECT_EQ(status.impacts[0].code, "revert_failed");
  EXPECT_EQ(cluster::find_condition(status.conditions, "Reverted")->status, cluster::Truth::kFalse);
}

}  // namespace
}  // namespace ordeal::agent
