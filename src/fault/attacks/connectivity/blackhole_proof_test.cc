#include "fault/attacks/connectivity/blackhole_proof.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

using packets::Direction;

PacketsSeen seen_on(Direction direction, uint64_t dropped, uint64_t meant) {
  PacketsSeen seen{direction, {}, sys::QueueStyle::kNative};
  seen.tally.hit = seen.tally.stats.matched = seen.tally.stats.dropped = dropped;
  seen.tally.meant = meant;
  return seen;
}

Proof blackhole_proof(const std::vector<PacketsSeen>& seen, packets::PacketVerdict verdict = {packets::Drop{}}) {
  return prove_blackhole({verdict, "tcp, port 5432", 10, 0, 0}, seen);
}

TEST(BlackholeProof, OnePacketIsEnoughAndAnAnswerNeedNotCome) {
  Proof proof = blackhole_proof({seen_on(Direction::kArrival, 0, 0), seen_on(Direction::kDeparture, 1, 1)});
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.got, 100);
  EXPECT_EQ(proof.measured, "0 of 0 packets dropped on arrival; 1 of 1 packets dropped on departure");
}

TEST(BlackholeProof, NothingMatchedIsNotInjected) {
  Proof proof = blackhole_proof({seen_on(Direction::kArrival, 0, 0), seen_on(Direction::kDeparture, 0, 0)});
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.reason,
            "no packet matched on arrival (tcp, port 5432): check the port, the hosts and the protocol; "
            "no packet matched on departure (tcp, port 5432): check the port, the hosts and the protocol");
}

TEST(BlackholeProof, WhatPassedCountsAgainstIt) {
  EXPECT_TRUE(blackhole_proof({seen_on(Direction::kArrival, 95, 100)}).proven);
  Proof proof = blackhole_proof({seen_on(Direction::kArrival, 90, 100)}, {packets::Refuse{}});
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.measured.substr(0, 41), "90 of 100 packets refused on arrival; 10 ") << proof.measured;
  PacketsSeen fragments = seen_on(Direction::kArrival, 10, 10);
  fragments.tally.fragments = 10;
  EXPECT_FALSE(blackhole_proof({fragments}).proven);
}

}  // namespace
}  // namespace ordeal::fault
