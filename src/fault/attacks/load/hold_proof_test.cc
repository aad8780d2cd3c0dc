#include "fault/attacks/load/hold_proof.h"

#include <gtest/gtest.h>

#include "fault/attacks/load/hold_impact.h"
#include "fault/attacks/room/memory_room.h"

namespace ordeal::fault {
namespace {

constexpr double kMiB = 1 << 20;

HoldUse held_for(double within, double outside = 0) {
  HoldUse use;
  use.asked = 100 * kMiB;
  use.got = use.most = 100.2 * kMiB;
  use.unit = "bytes";
  use.what = "resident in /shop";
  use.within = within;
  use.outside = outside;
  use.counter = "the account there has 140 MiB in all";
  return use;
}

TEST(HoldProof, WhatWasHeldIsProven) {
  Proof proof = prove_hold(held_for(8.2));
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.measured, "100 MiB resident in /shop for 8.2 s; the account there has 140 MiB in all");
  EXPECT_DOUBLE_EQ(proof.got, 100.2 * kMiB);
}

TEST(HoldProof, WhatWasNeverHeldIsNone) {
  HoldUse use = held_for(0);
  use.most = 60 * kMiB;
  use.shortage = "the limit of /shop (memory.max) left no room";
  EXPECT_EQ(prove_hold(use).reason,
            "it never came to the 100 MiB asked, at most to 60 MiB: the limit of /shop (memory.max) left no room");
}

TEST(HoldProof, ComingToItTooLateIsNone) { EXPECT_FALSE(prove_hold(held_for(2, 40)).proven); }

TEST(HoldProof, ATwentiethOfTheTimeMayBeMissing) {
  EXPECT_TRUE(prove_hold(held_for(9.6, 0.4)).proven);
  Proof proof = prove_hold(held_for(9.4, 0.6));
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("for 0.6 s it was not 100 MiB"), std::string::npos) << proof.reason;
  EXPECT_FALSE(prove_hold(held_for(0.4)).proven) << "too short to be seen";
}

TEST(HoldProof, NumbersHaveTheirUnit) {
  HoldUse use = held_for(2);
  use.unit = "processes";
  use.asked = use.got = 40;
  use.counter = "";
  use.what = "held in /shop";
  EXPECT_EQ(prove_hold(use).measured, "40 processes held in /shop for 2.0 s");
}

TEST(Ramp, IsInProportionToTheTime) {
  EXPECT_EQ(ramped(1000, 10s, -1s), 0);
  EXPECT_EQ(ramped(1000, 10s, 4s), 400);
  EXPECT_EQ(ramped(1000, 10s, 10s), 1000);
  EXPECT_EQ(ramped(1000, Nanos(0), Nanos(0)), 1000);
}

TEST(MemoryRoom, SomeIsKeptBack) {
  constexpr int64_t kMebibyte = 1 << 20;
  EXPECT_EQ(kept_below_limit(100 * kMebibyte), 4 * kMebibyte);
  EXPECT_EQ(kept_below_limit(1000 * kMebibyte), 20 * kMebibyte);
  EXPECT_EQ(kept_below_limit(int64_t{1} << 40), 64 * kMebibyte);
  EXPECT_EQ(kept_of_host(1024 * kMebibyte), 256 * kMebibyte);
  EXPECT_EQ(kept_of_host(102400 * kMebibyte), 5120 * kMebibyte);
}

}  // namespace
}  // namespace ordeal::fault
