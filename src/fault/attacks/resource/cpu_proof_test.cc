#include "fault/attacks/resource/cpu_proof.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

// 80 % of a quota of 0.1 CPU for ten seconds, which are a hundred of its periods.
CpuUse use_of(double percent, int64_t throttled = 0) {
  CpuUse use;
  use.capacity = 0.1;
  use.asked = 0.08;
  use.got = percent / 100 * use.capacity;
  use.seconds = 10;
  use.cgroup = "/shop/pod";
  use.periods = 100;
  use.throttled = throttled;
  return use;
}

TEST(CpuProof, TheLoadThatWasAskedIsProven) {
  Proof proof = prove_cpu(use_of(80.3));
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_DOUBLE_EQ(proof.asked, 8);
  EXPECT_NEAR(proof.got, 8.03, 1e-9);
  EXPECT_EQ(proof.measured, "80.3 % of 0.1 CPU used for 10.0 s");
}

TEST(CpuProof, TooLittleAndTooMuchAreNone) {
  EXPECT_TRUE(prove_cpu(use_of(77.1)).proven);
  EXPECT_FALSE(prove_cpu(use_of(76.9)).proven);
  EXPECT_FALSE(prove_cpu(use_of(83.1)).proven);
  EXPECT_EQ(prove_cpu(use_of(60)).reason,
            "20.0 points off the requested 80 %: other load is using the CPUs (a cgroup's share takes precedence over "
            "the priorities within it)");
}

// As measured in an emulated machine: 23 ms of work too much.
TEST(CpuProof, WhatWasOwedBeforeTheFirstLookIsNotTooMuch) {
  CpuUse use = use_of(0);
  use.capacity = 0.2;
  use.asked = 0.16;
  use.got = 0.169;
  use.seconds = 2.6;
  EXPECT_TRUE(prove_cpu(use).proven);
  use.seconds = 10;
  EXPECT_FALSE(prove_cpu(use).proven);
}

// As measured on a cgroup of 0.1 CPU that used all of it itself for a third of the time.
TEST(CpuProof, WhatTheQuotaTookAwayIsNoFailureOfTheLoad) {
  EXPECT_TRUE(prove_cpu(use_of(75.3, 49)).proven);
  EXPECT_TRUE(prove_cpu(use_of(75.3, 30)).proven);
  EXPECT_EQ(prove_cpu(use_of(75.3, 30)).measured,
            "75.3 % of 0.1 CPU used for 10.0 s; /shop/pod was throttled by its quota in 30 of 100 periods");
}

TEST(CpuProof, AThrottledPeriodExplainsNoMoreThanItsOwnShare) {
  EXPECT_TRUE(prove_cpu(use_of(40, 50)).proven);
  EXPECT_FALSE(prove_cpu(use_of(20, 50)).proven);
  EXPECT_TRUE(prove_cpu(use_of(21, 100)).proven);
  EXPECT_FALSE(prove_cpu(use_of(19, 100)).proven) << "next to nothing, whoever used the quota up";
  EXPECT_FALSE(prove_cpu(use_of(75.3, 1)).proven);
  EXPECT_FALSE(prove_cpu(use_of(85, 100)).proven);
}

}  // namespace
}  // namespace ordeal::fault
