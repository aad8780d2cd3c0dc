#include "fault/guard/ledger.h"

#include <gtest/gtest.h>

namespace ordeal::guard {
namespace {

BootTime at(double seconds) { return BootTime(from_seconds(seconds)); }

TEST(Ledger, AnImpactEndsAtItsLength) {
  Ledger ledger(5s);
  ledger.applied(1, at(10), 2s);
  EXPECT_TRUE(ledger.due(at(11.9)).empty());
  ASSERT_EQ(ledger.due(at(12)).size(), 1u);
  EXPECT_EQ(ledger.due(at(12))[0].why, Ledger::Why::kLength);
  EXPECT_EQ(ledger.next(), at(12));
}

TEST(Ledger, WithoutRenewalTheLeaseEndsEverything) {
  Ledger ledger(5s);
  ledger.applied(1, at(10), 60s);
  ledger.applied(2, at(14), 60s);
  EXPECT_EQ(ledger.next(), at(15)) << "a second impact does not extend the lease";
  ASSERT_EQ(ledger.due(at(15)).size(), 2u);
  EXPECT_EQ(ledger.due(at(15))[0].why, Ledger::Why::kLease);
}

TEST(Ledger, RenewalMovesTheLeaseAndNeverBack) {
  Ledger ledger(5s);
  ledger.applied(1, at(10), 60s);
  ledger.renew(at(13));
  ledger.renew(at(12));
  EXPECT_EQ(ledger.next(), at(18));
}

TEST(Ledger, EndedImpactsAreNeverDue) {
  Ledger ledger(5s);
  ledger.applied(1, at(10), 1s);
  ledger.ended(1);
  EXPECT_TRUE(ledger.due(at(100)).empty());
  EXPECT_FALSE(ledger.next());
  ledger.applied(2, at(200), 60s);
  EXPECT_EQ(ledger.next(), at(205)) << "a new lease begins with the first impact";
}

}  // namespace
}  // namespace ordeal::guard
