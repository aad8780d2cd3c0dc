#include "fault/attacks/shares/share_proof.h"

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

Proof share_proof(const std::vector<PacketsSeen>& seen, double share = 0.1, int64_t min_events = 10) {
  return prove_share({packets::PacketVerdict{packets::Drop{}, share}, "udp, port 7000", min_events, 0, 0}, seen);
}

TEST(ShareProof, TheShareThatWasAskedIsProven) {
  Proof proof = share_proof({seen_with(1010)});
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NEAR(proof.got, 10.1, 1e-9);
  EXPECT_EQ(proof.asked, 10);
  EXPECT_EQ(proof.measured, "1010 of 10000 packets dropped on arrival (10.10 %)");
  EXPECT_EQ(proof.coverage.at(0).affected, 1010);
  EXPECT_EQ(proof.coverage.at(0).missed, 0);
}

// One standard deviation is 30 packets.
TEST(ShareProof, AShareThatChanceDoesNotExplainIsNone) {
  EXPECT_TRUE(share_proof({seen_with(1110)}).proven);
  EXPECT_TRUE(share_proof({seen_with(890)}).proven);
  EXPECT_EQ(share_proof({seen_with(1130)}).reason,
            "11.30 % of the packets on arrival were dropped instead of the requested 10 %");
  EXPECT_FALSE(share_proof({seen_with(870)}).proven);
}

TEST(ShareProof, AllMeansAll) {
  EXPECT_TRUE(share_proof({seen_with(10'000)}, 1).proven);
  EXPECT_FALSE(share_proof({seen_with(9'999)}, 1).proven);
}

// 600 of 10 600 packets that passed beside the rule would have lost 60 of 1 060.
TEST(ShareProof, WhatPassedBesideTheRuleCountsByTheLossesItShouldHaveHad) {
  PacketsSeen little = seen_with(1000), much = seen_with(1000);
  little.tally.meant += 400;
  much.tally.meant += 600;
  EXPECT_TRUE(share_proof({little}).proven) << share_proof({little}).reason;
  EXPECT_NE(share_proof({little}).measured.find("400 passed while the rule was not in force"), std::string::npos);
  EXPECT_FALSE(share_proof({much}).proven);
  EXPECT_NEAR(share_proof({much}).coverage.at(0).missed, 60, 1e-9);
}

TEST(ShareProof, FragmentsThatPassCountTheSame) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.fragments = 600;
  EXPECT_NE(share_proof({seen}).reason.find("600 are fragments that this kernel"), std::string::npos)
      << share_proof({seen}).reason;
}

// 10 000 packets of which the reader drew as many.
PacketsSeen drawn_by_reader(uint64_t dropped) {
  PacketsSeen seen{Direction::kDeparture, {}, sys::QueueStyle::kNative};
  seen.tally.meant = seen.tally.hit = 10'000;
  seen.tally.stats.matched = seen.tally.stats.dropped = dropped;
  seen.tally.spared = seen.tally.stats.spared = 10'000 - dropped;
  return seen;
}

// With a correlation of 80 % one standard deviation is 90 packets, not 30.
TEST(ShareProof, BurstsMakeTheShareVaryMore) {
  packets::PacketVerdict verdict{packets::Drop{}, 0.1, packets::Bursts::correlated(0.1, 0.8)};
  auto prove = [&](uint64_t dropped) {
    return prove_share({verdict, "udp, port 7000", 10, 0, 0}, {drawn_by_reader(dropped)});
  };
  EXPECT_TRUE(prove(1350).proven) << prove(1350).reason;
  EXPECT_TRUE(prove(650).proven) << prove(650).reason;
  EXPECT_FALSE(prove(1370).proven);
  EXPECT_FALSE(prove(630).proven);
  EXPECT_EQ(prove(1350).measured, "1350 of 10000 packets dropped on departure (13.50 %)");
}

Proof prove_act(decltype(packets::PacketVerdict::act) act, const PacketsSeen& seen) {
  return prove_share({packets::PacketVerdict{act, 0.1}, "udp, port 7000", 10, 0x400000, 0}, {seen});
}

TEST(ShareProof, CopiesThatCouldNotBeSentCountAgainstIt) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.stats.dropped = 0;
  seen.tally.stats.resent = 1000;
  EXPECT_TRUE(prove_act(packets::Duplicate{}, seen).proven) << prove_act(packets::Duplicate{}, seen).reason;
  EXPECT_EQ(prove_act(packets::Duplicate{}, seen).measured, "1000 of 10000 packets duplicated on arrival (10.00 %)");
  seen.tally.undelivered = 40;
  EXPECT_TRUE(prove_act(packets::Duplicate{}, seen).proven);
  seen.tally.stats.resent = 980;
  seen.tally.stats.dropped_on_error = 20;
  EXPECT_FALSE(prove_act(packets::Duplicate{}, seen).proven);
  EXPECT_EQ(prove_act(packets::Duplicate{}, seen).coverage.at(0).missed, 60);
}

// The kernel draws 1 000 of 10 000 merged packets, and the reader sees each in three parts.
TEST(ShareProof, MergedPacketsAreDrawnAsOneAndHideNothing) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.stats.matched = seen.tally.stats.resent = 3000;
  Proof proof = prove_act(packets::Duplicate{}, seen);
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 10);
  EXPECT_EQ(proof.measured,
            "1000 of 10000 packets duplicated on arrival (10.00 %), which were 3000 before they were merged");
  seen.tally.meant += 20'000;  // passed while the rule was not in force
  EXPECT_FALSE(prove_act(packets::Duplicate{}, seen).proven);
  EXPECT_EQ(prove_act(packets::Duplicate{}, seen).coverage.at(0).missed, 2000);
}

TEST(ShareProof, WhatThereIsNothingToCorruptOfIsNeitherHitNorMissed) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.stats.corrupted = 600;
  seen.tally.stats.unfit = 400;
  Proof proof = prove_act(packets::Corrupt{}, seen);
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 10);
  EXPECT_NE(
      proof.measured.find("600 of 10000 packets corrupted on arrival (6.00 %); 400 of those drawn have nothing to"),
      std::string::npos)
      << proof.measured;
  seen.tally.stats.corrupted = 400;
  seen.tally.stats.unfit = 600;
  EXPECT_NE(prove_act(packets::Corrupt{}, seen).reason.find("and more, 600"), std::string::npos);
  seen.tally.stats.corrupted = 0;
  EXPECT_FALSE(prove_act(packets::Corrupt{}, seen).proven);
}

// The draw was right, and what was drawn went on as it was.
TEST(ShareProof, WhatWasDrawnAndNotDoneProvesNothing) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.stats.corrupted = 960;
  EXPECT_TRUE(prove_act(packets::Corrupt{}, seen).proven) << prove_act(packets::Corrupt{}, seen).reason;
  seen.tally.stats.corrupted = 940;
  EXPECT_NE(prove_act(packets::Corrupt{}, seen).reason.find("of 1000 packets that were drawn on arrival only 940 were"),
            std::string::npos);
  seen.tally.stats.corrupted = 1000;
  seen.tally.stats.dropped_on_error = 100;
  EXPECT_FALSE(prove_act(packets::Corrupt{}, seen).proven);
  seen.tally.stats.dropped_on_error = 0;
  seen.tally.stats.corrupted = 900;
  seen.tally.stats.failed = 100;
  EXPECT_EQ(prove_act(packets::Corrupt{}, seen).coverage.at(0).missed, 100);
}

// The rules count 1 000 merged packets, the reader their 3 000 segments; 600 more passed beside it.
TEST(ShareProof, SegmentsDoNotHideWhatPassedBesideTheReader) {
  packets::PacketVerdict verdict{packets::Corrupt{}, 0.1, packets::Bursts::correlated(0.1, 0.2)};
  PacketsSeen seen{Direction::kDeparture, {}, sys::QueueStyle::kNative};
  seen.tally.meant = seen.tally.hit = 1000;
  seen.tally.stats.matched = seen.tally.stats.corrupted = 300;
  seen.tally.spared = seen.tally.stats.spared = 2700;
  auto prove = [&] { return prove_share({verdict, "udp, port 7000", 10, 0, 0}, {seen}); };
  EXPECT_TRUE(prove().proven) << prove().reason;
  seen.tally.meant = 1600;
  EXPECT_FALSE(prove().proven);
  EXPECT_NEAR(prove().coverage.at(0).missed, 60, 1e-9);
  seen.tally.meant = 1000;
  seen.tally.stats.queue_full = 600;
  EXPECT_FALSE(prove().proven);
}

TEST(ShareProof, TooLittleTrafficForLongBurstsProvesNothing) {
  packets::PacketVerdict verdict{packets::Drop{}, 0.1, packets::Bursts::correlated(0.1, 0.95)};
  Proof proof = prove_share({verdict, "udp, port 7000", 10, 0, 0}, {drawn_by_reader(1000)});
  EXPECT_NE(proof.reason.find("10000 packets on departure are too few to tell 10 % in bursts"), std::string::npos)
      << proof.reason;
}

// Every second packet, without any variance.
TEST(ShareProof, OfAnOddNumberHalfIsNotToBeHad) {
  packets::Bursts bursts{.to_bad = 1, .to_good = 1};
  PacketsSeen seen = drawn_by_reader(5001);
  seen.tally.meant = seen.tally.hit = 10'001;
  Proof proof = prove_share({{packets::Drop{}, bursts.share(), bursts}, "udp, port 7000", 10, 0, 0}, {seen});
  EXPECT_TRUE(proof.proven) << proof.reason;
}

// 1 000 were, each by so much.
PacketsSeen seen_late(Nanos delay) {
  PacketsSeen seen = seen_with(1000);
  seen.tally.stats.dropped = 0;
  seen.tally.stats.delayed = 1000;
  for (int i = 0; i < 1000; ++i) seen.tally.stats.added.add(delay);
  return seen;
}

TEST(ShareProof, WhatIsLateHasBeenHeldAndWentOn) {
  PacketsSeen seen = seen_late(10ms);
  EXPECT_TRUE(prove_act(packets::Hold{{.delay = 10ms}}, seen).proven);
  seen.tally.stats.passed_over_bound = 100;
  seen.tally.stats.delayed = 900;
  EXPECT_FALSE(prove_act(packets::Hold{{.delay = 10ms}}, seen).proven);
}

TEST(ShareProof, WhatIsLetGoAtTheEndWasNotHeld) {
  PacketsSeen seen = seen_late(10ms);
  seen.tally.stats.released_early = 900;
  seen.tally.stats.delayed = 100;
  Proof proof = prove_act(packets::Hold{{.delay = 10ms}}, seen);
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("let go at the end before their time (900)"), std::string::npos) << proof.reason;
}

TEST(ShareProof, LateByAnotherTimeOrOvertakenByNothingIsNotReordered) {
  EXPECT_NE(prove_act(packets::Hold{{.delay = 10ms}}, seen_late(2ms)).reason.find("late at the median instead of 10.0"),
            std::string::npos);
  PacketsAsked asked{{packets::Hold{{.delay = 10ms}}, 0.1}, "udp, port 7000", 10, 0x400000, 0, 89s};
  EXPECT_TRUE(prove_share(asked, {seen_late(10ms)}).proven);  // 9 000 spared: one in each 9.9 ms
  asked.in_force = 91s;
  EXPECT_NE(prove_share(asked, {seen_late(10ms)}).reason.find("so that nothing overtook"), std::string::npos);
}

TEST(ShareProof, TooFewLossesProveNothing) {
  PacketsSeen few{Direction::kArrival, {}, sys::QueueStyle::kNative};
  few.tally.meant = 90;
  few.tally.hit = few.tally.stats.matched = few.tally.stats.dropped = 9;
  few.tally.spared = 81;
  EXPECT_NE(share_proof({few}).reason.find("only 9 of 90 packets were dropped on arrival, 10 are required"),
            std::string::npos)
      << share_proof({few}).reason;
  EXPECT_TRUE(share_proof({few}, 0.1, 0).proven);
  few.tally.stats = {};
  few.tally.hit = 0;
  few.tally.spared = few.tally.meant = 5;
  EXPECT_FALSE(share_proof({few}, 0.1, 0).proven);
}

TEST(ShareProof, EachDirectionIsJudgedByItself) {
  PacketsSeen nothing{Direction::kDeparture, {}, sys::QueueStyle::kNative};
  Proof proof = share_proof({seen_with(1000), nothing});
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.reason,
            "no packet matched on departure (udp, port 7000): check the port, the hosts and the protocol");
}

}  // namespace
}  // namespace ordeal::fault
