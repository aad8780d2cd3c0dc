#include "fault/attacks/network/loss_proof.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

using packets::Direction;

// 10 000 packets went through the draw.
PacketsSeen seen_with(uint64_t dropped, Direction direction = Direction::kArrival) {
  PacketsSeen seen{direction, {}, sys::QueueStyle::kNative};
  seen.tally.meant = 10'000;
  seen.tally.stats.matched = seen.tally.stats.dropped = seen.tally.hit = dropped;
  seen.tally.spared = 10'000 - dropped;
  return seen;
}

Proof loss_proof(const std::vector<PacketsSeen>& seen, double share = 0.1, int64_t min_events = 10) {
  return prove_loss({packets::PacketVerdict{packets::Drop{}, share}, "udp, port 7000", min_events, 0, 0}, seen);
}

TEST(LossProof, TheShareThatWasAskedIsProven) {
  Proof proof = loss_proof({seen_with(1010)});
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NEAR(proof.got, 10.1, 1e-9);
  EXPECT_EQ(proof.asked, 10);
  EXPECT_EQ(proof.measured, "1010 of 10000 packets dropped on arrival (10.10 %)");
  EXPECT_EQ(proof.coverage.at(0).affected, 1010);
  EXPECT_EQ(proof.coverage.at(0).missed, 0);
}

// One standard deviation is 30 packets.
TEST(LossProof, AShareThatChanceDoesNotExplainIsNone) {
  EXPECT_TRUE(loss_proof({seen_with(1110)}).proven);
  EXPECT_TRUE(loss_proof({seen_with(890)}).proven);
  EXPECT_EQ(loss_proof({seen_with(1130)}).reason,
            "11.30 % of the packets on arrival were dropped instead of the requested 10 %");
  EXPECT_FALSE(loss_proof({seen_with(870)}).proven);
}

TEST(LossProof, AllMeansAll) {
  EXPECT_TRUE(loss_proof({seen_with(10'000)}, 1).proven);
  EXPECT_FALSE(loss_proof({seen_with(9'999)}, 1).proven);
}

// 600 of 10 600 packets that passed beside the rule would have lost 60 of 1 060.
TEST(LossProof, WhatPassedBesideTheRuleCountsByTheLossesItShouldHaveHad) {
  PacketsSeen little = seen_with(1000), much = seen_with(1000);
  little.tally.meant += 400;
  much.tally.meant += 600;
  EXPECT_TRUE(loss_proof({little}).proven) << loss_proof({little}).reason;
  EXPECT_NE(loss_proof({little}).measured.find("400 passed while the rule was not in force"), std::string::npos);
  EXPECT_FALSE(loss_proof({much}).proven);
  EXPECT_NEAR(loss_proof({much}).coverage.at(0).missed, 60, 1e-9);
}

TEST(LossProof, FragmentsThatPassCountTheSame) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.fragments = 600;
  EXPECT_NE(loss_proof({seen}).reason.find("600 are fragments that this kernel"), std::string::npos)
      << loss_proof({seen}).reason;
}

TEST(LossProof, TooFewLossesProveNothing) {
  PacketsSeen few{Direction::kArrival, {}, sys::QueueStyle::kNative};
  few.tally.meant = 90;
  few.tally.stats.matched = few.tally.stats.dropped = 9;
  few.tally.spared = 81;
  EXPECT_NE(loss_proof({few}).reason.find("only 9 of 90 packets were dropped on arrival, 10 are required"),
            std::string::npos)
      << loss_proof({few}).reason;
  EXPECT_TRUE(loss_proof({few}, 0.1, 0).proven);
  few.tally.stats = {};
  few.tally.spared = few.tally.meant = 5;
  EXPECT_FALSE(loss_proof({few}, 0.1, 0).proven);
}

TEST(LossProof, EachDirectionIsJudgedByItself) {
  PacketsSeen nothing{Direction::kDeparture, {}, sys::QueueStyle::kNative};
  Proof proof = loss_proof({seen_with(1000), nothing});
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.reason,
            "no packet matched on departure (udp, port 7000): check the port, the hosts and the protocol");
}

}  // namespace
}  // namespace ordeal::fault
