#include "fault/attacks/network/latency_proof.h"

#include <gtest/gtest.h>

#include <functional>

namespace ordeal::fault {
namespace {

using packets::Direction;
using Tally = packets::PacketTally;

// 1 000 packets, all delayed as asked and delivered.
PacketsSeen all_well(Direction direction = Direction::kArrival) {
  PacketsSeen seen{direction, {}, sys::QueueStyle::kNative};
  seen.tally.meant = seen.tally.hit = seen.tally.stats.matched = seen.tally.stats.delayed = 1000;
  for (int i = 0; i < 1000; ++i) seen.tally.stats.added.add(100'200us);
  if (direction == Direction::kDeparture) seen.tally.stats.resent = 1000, seen.tally.undelivered = 0;
  return seen;
}

const PacketsAsked kAsked{{packets::Hold{{.delay = 100ms}}}, "udp, port 7000", 10, 0x400000, 0};

Proof prove(const std::vector<PacketsSeen>& seen) { return prove_latency(kAsked, seen); }

TEST(LatencyProof, AllThatWasMeantAndHitIsProven) {
  for (Direction direction : {Direction::kArrival, Direction::kDeparture}) {
    Proof proof = prove({all_well(direction)});
    EXPECT_TRUE(proof.proven) << proof.reason;
    EXPECT_NEAR(proof.got, 100.2, 0.1);
    ASSERT_EQ(proof.coverage.size(), 1u);
    EXPECT_EQ(proof.coverage[0].affected, 1000);
    EXPECT_EQ(proof.coverage[0].missed, 0);
  }
}

// Every way to be missed: 4 % of it is told and tolerated, 6 % is no proof, whichever it is.
struct Leak {
  const char* name;
  Direction direction;
  std::function<void(packets::PacketTally&, uint64_t)> leak;
  const char* words;
};

class LatencyLeak : public ::testing::TestWithParam<Leak> {
 protected:
  static Proof leaking(uint64_t packets) {
    PacketsSeen seen = all_well(GetParam().direction);
    GetParam().leak(seen.tally, packets);
    return prove({seen});
  }
};

TEST_P(LatencyLeak, CountsAndIsNamed) {
  Proof little = leaking(40);
  EXPECT_TRUE(little.proven) << little.reason;
  EXPECT_EQ(little.coverage[0].missed, 40);
  EXPECT_NE(little.measured.find(GetParam().words), std::string::npos) << little.measured;
  Proof much = leaking(60);
  EXPECT_FALSE(much.proven) << much.measured;
  EXPECT_NE(much.reason.find(GetParam().words), std::string::npos) << much.reason;
  EXPECT_NE(much.reason.find("60 "), std::string::npos) << much.reason;
}

INSTANTIATE_TEST_SUITE_P(
    Ways, LatencyLeak,
    ::testing::Values(
        Leak{"PastTheRule", Direction::kArrival, [](Tally& tally, uint64_t n) { tally.meant += n; }, "not in force"},
        Leak{"PastTheReader", Direction::kArrival,
             [](Tally& tally, uint64_t n) { tally.meant += n, tally.hit += n, tally.stats.queue_full = n; },
             "queue was full"},
        Leak{"PastTheReaderOfSegments", Direction::kDeparture,
             [](Tally& tally, uint64_t n) {
               tally.stats.matched = tally.stats.delayed = tally.stats.resent = 3000, tally.meant += n;
             },
             "queue was full"},
        Leak{"BeyondTheBound", Direction::kArrival,
             [](Tally& tally, uint64_t n) {
               tally.meant += n, tally.hit += n, tally.stats.matched += n, tally.stats.passed_over_bound = n;
             },
             "64 MiB"},
        Leak{"Fragments", Direction::kArrival, [](Tally& tally, uint64_t n) { tally.fragments = n; }, "fragments that"},
        Leak{"Lost", Direction::kArrival, [](Tally& tally, uint64_t n) { tally.stats.dropped_on_error = n; },
             "held and lost"},
        Leak{"NotSentAgain", Direction::kDeparture, [](Tally& tally, uint64_t n) { tally.stats.dropped_on_error = n; },
             "lost when they were re-sent"},
        Leak{"Undelivered", Direction::kDeparture, [](Tally& tally, uint64_t n) { tally.undelivered = n; },
             "did not leave"},
        Leak{"OurMark", Direction::kDeparture,
             [](Tally& tally, uint64_t n) { tally.undelivered.reset(), tally.foreign = n; }, "0x400000"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(LatencyProof, EachDirectionIsJudgedByItself) {
  PacketsSeen nothing{Direction::kDeparture, {}, sys::QueueStyle::kNative};
  nothing.tally.undelivered = 0;
  Proof proof = prove({all_well(), nothing});
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("no packet matched on departure"), std::string::npos) << proof.reason;
  EXPECT_EQ(proof.reason.find("arrival"), std::string::npos) << proof.reason;
}

TEST(LatencyProof, TooFewPacketsProveNothing) {
  PacketsSeen few{Direction::kArrival, {}, sys::QueueStyle::kNative};
  for (int i = 0; i < 9; ++i) few.tally.stats.added.add(100ms);
  few.tally.meant = few.tally.hit = few.tally.stats.matched = few.tally.stats.delayed = 9;
  Proof proof = prove({few});
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("only 9 packets"), std::string::npos) << proof.reason;
  PacketsAsked one = kAsked;
  one.min_events = 0;
  EXPECT_TRUE(prove_latency(one, {few}).proven);
}

TEST(LatencyProof, AnAttackShorterThanItsDelayProvesNothing) {
  PacketsSeen seen{Direction::kArrival, {}, sys::QueueStyle::kNative};
  seen.tally.meant = seen.tally.hit = seen.tally.stats.matched = seen.tally.stats.released_early = 50;
  EXPECT_NE(prove({seen}).reason.find("shorter than the delay"), std::string::npos);
}

TEST(LatencyProof, AnotherDelayThanAskedIsNone) {
  PacketsSeen seen = all_well();
  seen.tally.stats.added = {};
  for (int i = 0; i < 1000; ++i) seen.tally.stats.added.add(140ms);
  EXPECT_NE(prove({seen}).reason.find("140.0 ms instead of the requested 100.0 ms"), std::string::npos)
      << prove({seen}).reason;
}

// 1 000 delays that follow each other so much are as good as five: their median may be far from that of all.
TEST(LatencyProof, DelaysThatFollowEachOtherAverageOutLater) {
  PacketsAsked asked = kAsked;
  PacketsSeen seen = all_well();
  seen.tally.stats.added = {};
  for (int i = 0; i < 1000; ++i) seen.tally.stats.added.add(145ms);
  packets::DelayShape shape{.delay = 100ms, .jitter = 20ms, .kind = packets::JitterKind::kNormal};
  asked.verdict.act = packets::Hold{shape};
  EXPECT_FALSE(prove_latency(asked, {seen}).proven);
  shape.correlation = 0.99;
  asked.verdict.act = packets::Hold{shape};
  EXPECT_TRUE(prove_latency(asked, {seen}).proven) << prove_latency(asked, {seen}).reason;
}

TEST(LatencyProof, BlindnessIsSaid) {
  PacketsSeen seen = all_well(Direction::kDeparture);
  seen.tally.undelivered.reset();
  Proof proof = prove({seen});
  EXPECT_TRUE(proof.proven);
  EXPECT_NE(proof.measured.find("cannot be seen"), std::string::npos) << proof.measured;
}

TEST(LatencyProof, ALapseOfTheLeaseIsExplained) {
  PacketsAsked asked = kAsked;
  asked.lapses = 2;
  PacketsSeen seen = all_well();
  seen.tally.meant += 500;
  EXPECT_NE(prove_latency(asked, {seen}).reason.find("expired 2 times"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::fault
