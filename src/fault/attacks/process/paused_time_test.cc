#include "fault/attacks/process/paused_time.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

BootTime at(Nanos time) { return BootTime(time); }

TEST(PausedTime, WhatStandsStillAllTheTimeIsCovered) {
  PausedTime time;
  for (int i = 0; i <= 10; ++i) time.look(at(i * 100ms), 3, 0);
  EXPECT_NEAR(time.coverage().affected, 3, 1e-9);
  EXPECT_EQ(time.coverage().missed, 0);
  EXPECT_EQ(shortfall(time.coverage()), "");
}

TEST(PausedTime, OneThatIsContinuedForAWhileCountsWithTheTimeOnBothSidesOfIt) {
  PausedTime time;
  for (int i = 0; i <= 10; ++i) time.look(at(i * 100ms), i == 5 ? 1 : 2, i == 5 ? 1 : 0);
  EXPECT_NEAR(time.coverage().affected, 1.8, 1e-9);
  EXPECT_NEAR(time.coverage().missed, 0.2, 1e-9);
  EXPECT_NE(shortfall(time.coverage()).find("continued by somebody else"), std::string::npos);
}

TEST(PausedTime, OneThatJoinsAndRunsCountsFromThenOn) {
  PausedTime time;
  time.look(at(0s), 2, 0);
  time.look(at(1s), 2, 1);
  time.look(at(2s), 2, 1);
  EXPECT_NEAR(time.coverage().affected, 4, 1e-9);
  EXPECT_NEAR(time.coverage().missed, 2, 1e-9);
}

TEST(PausedTime, OneThatEndsIsNeitherFromThenOn) {
  PausedTime time;
  time.look(at(0s), 2, 0);
  time.look(at(1s), 1, 0);
  time.look(at(2s), 1, 0);
  EXPECT_NEAR(time.coverage().affected, 2, 1e-9);
  EXPECT_EQ(time.coverage().missed, 0);
}

TEST(PausedTime, OneLookProvesNothing) {
  PausedTime time;
  time.look(at(0s), 2, 0);
  EXPECT_EQ(time.coverage().share(), std::nullopt);
}

}  // namespace
}  // namespace ordeal::fault
