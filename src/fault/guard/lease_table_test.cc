#include "fault/guard/lease_table.h"

#include <gtest/gtest.h>

namespace ordeal::guard {
namespace {

BootTime at(double seconds) { return BootTime(from_seconds(seconds)); }

TEST(LeaseTable, AnImpactEndsAtItsLength) {
  LeaseTable leases(5s);
  leases.applied(1, at(10), 2s);
  EXPECT_TRUE(leases.due(at(11.9)).empty());
  ASSERT_EQ(leases.due(at(12)).size(), 1u);
  EXPECT_EQ(leases.due(at(12))[0].why, LeaseTable::Why::kLength);
  EXPECT_EQ(leases.next(), at(12));
}

TEST(LeaseTable, WithoutRenewalTheLeaseEndsEverything) {
  LeaseTable leases(5s);
  leases.applied(1, at(10), 60s);
  leases.applied(2, at(14), 60s);
  EXPECT_EQ(leases.next(), at(15)) << "a second impact does not extend the lease";
  ASSERT_EQ(leases.due(at(15)).size(), 2u);
  EXPECT_EQ(leases.due(at(15))[0].why, LeaseTable::Why::kLease);
}

TEST(LeaseTable, RenewalMovesTheLeaseAndNeverBack) {
  LeaseTable leases(5s);
  leases.applied(1, at(10), 60s);
  leases.renew(at(13));
  leases.renew(at(12));
  EXPECT_EQ(leases.next(), at(18));
}

TEST(LeaseTable, WhatIsAwaitedHasALeaseAndNoLengthYet) {
  LeaseTable leases(5s);
  leases.awaited(1, at(10));
  EXPECT_EQ(leases.next(), at(15));
  leases.renew(at(12));
  EXPECT_TRUE(leases.due(at(16.9)).empty());
  ASSERT_EQ(leases.due(at(17)).size(), 1u);
  EXPECT_EQ(leases.due(at(17))[0].why, LeaseTable::Why::kLease);
  leases.applied(1, at(13), 2s);
  ASSERT_EQ(leases.due(at(15)).size(), 1u) << "its length began when it came into force";
  EXPECT_EQ(leases.due(at(15))[0].why, LeaseTable::Why::kLength);
}

TEST(LeaseTable, EndedImpactsAreNeverDue) {
  LeaseTable leases(5s);
  leases.applied(1, at(10), 1s);
  leases.ended(1);
  EXPECT_TRUE(leases.due(at(100)).empty());
  EXPECT_FALSE(leases.next());
  leases.applied(2, at(200), 60s);
  EXPECT_EQ(leases.next(), at(205)) << "a new lease begins with the first impact";
}

}  // namespace
}  // namespace ordeal::guard
