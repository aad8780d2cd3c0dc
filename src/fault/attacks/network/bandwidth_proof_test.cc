#include "fault/attacks/network/bandwidth_proof.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

// `bytes` went through in a second of waiting.
PacketsSeen seen_rate(uint64_t bytes, uint64_t waited = 1000) {
  PacketsSeen seen{packets::Direction::kArrival, {}, sys::QueueStyle::kNative};
  seen.tally.meant = seen.tally.hit = seen.tally.stats.matched = 2000;
  seen.tally.stats.delayed = waited;
  seen.tally.stats.dropped = 40;
  seen.tally.stats.busy.begin(BootTime(1h));
  seen.tally.stats.busy.went(BootTime(1h + 1s), bytes);
  return seen;
}

Proof rate_proof(const PacketsSeen& seen) {
  packets::Shape shape{{.bits_per_second = 8e6, .burst = 3000, .limit = 100'000}};
  return prove_bandwidth({packets::PacketVerdict{shape}, "tcp, port 80", 10, 0, 0}, {seen});
}

TEST(BandwidthProof, TheRateThatWasAskedIsProven) {
  Proof proof = rate_proof(seen_rate(1'000'000));
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.asked, 8000);
  EXPECT_EQ(proof.got, 8000);
  EXPECT_EQ(proof.measured,
            "8 Mbit/s on arrival over 1.0 s in which packets waited (1000 waited, 40 dropped, of 2000)");
}

TEST(BandwidthProof, AnotherRateIsNone) {
  EXPECT_TRUE(rate_proof(seen_rate(1'025'000)).proven);
  EXPECT_EQ(rate_proof(seen_rate(1'100'000)).reason, "8.8 Mbit/s on arrival instead of the requested 8 Mbit/s");
  EXPECT_FALSE(rate_proof(seen_rate(900'000)).proven);
}

TEST(BandwidthProof, TrafficBelowTheRateProvesNothing) {
  EXPECT_NE(rate_proof(seen_rate(1'000'000, 0)).reason.find("the traffic did not come up to 8 Mbit/s"),
            std::string::npos);
  EXPECT_FALSE(rate_proof(seen_rate(1'000'000, 9)).proven);
}

// Each time of waiting ends up to 2 ms late: of so many short ones the rate cannot be told.
TEST(BandwidthProof, ManyShortTimesOfWaitingProveNoRate) {
  PacketsSeen seen = seen_rate(1'000'000);
  for (int i = 1; i <= 40; ++i) seen.tally.stats.busy.begin(BootTime(1h + 1s + Nanos(1s) * i));
  EXPECT_NE(rate_proof(seen).reason.find("for only 1000.0 ms, 41 times in all: too little traffic"), std::string::npos)
      << rate_proof(seen).reason;
}

TEST(BandwidthProof, NoTimeOfWaitingProvesNoRate) {
  PacketsSeen seen = seen_rate(1'000'000);
  seen.tally.stats.busy = {};
  EXPECT_NE(rate_proof(seen).reason.find("for only 0.0 ms"), std::string::npos) << rate_proof(seen).reason;
}

// 500 merged packets are 2 000 segments.
TEST(BandwidthProof, SegmentsDoNotHideWhatPassedBesideTheRule) {
  PacketsSeen seen = seen_rate(1'000'000);
  seen.tally.meant = seen.tally.hit = 500;
  EXPECT_TRUE(rate_proof(seen).proven) << rate_proof(seen).reason;
  seen.tally.meant = 600;
  EXPECT_FALSE(rate_proof(seen).proven);
  EXPECT_EQ(rate_proof(seen).coverage.at(0).affected, 500);
  EXPECT_EQ(rate_proof(seen).coverage.at(0).missed, 100);
}

TEST(BandwidthProof, WhatPassedBesideTheRuleCountsAgainstIt) {
  PacketsSeen seen = seen_rate(1'000'000);
  seen.tally.meant += 500;
  EXPECT_FALSE(rate_proof(seen).proven);
  EXPECT_EQ(rate_proof(seen).coverage.at(0).missed, 500);
}

TEST(BandwidthProof, NoTrafficProvesNothing) {
  PacketsSeen seen{packets::Direction::kDeparture, {}, sys::QueueStyle::kNative};
  EXPECT_NE(rate_proof(seen).reason.find("no packet matched on departure"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::fault
