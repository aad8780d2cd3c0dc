#include "judge/cusum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "judge/dispersion.h"

namespace ordeal::judge {
namespace {

BootTime at_tick(double seconds) { return BootTime(from_seconds(seconds)); }

TEST(Designs, AreMultiplesOfWhatIsAllowed) {
  EXPECT_EQ(designs_for(0.01), (std::vector<double>{0.02, 0.05, 0.12}));
  EXPECT_EQ(designs_for(0.2), (std::vector<double>{0.4, 0.6}));
  for (double allowed : {0.3, 0.5, 0.9, 0.999}) {
    for (double share : designs_for(allowed)) {
      EXPECT_GT(share, allowed);
      EXPECT_LT(share, 1);
    }
  }
}

// ln(6000 ticks / 1e-3) is 15.6, and with ln(3 designs) 16.7.
TEST(AlarmBound, GrowsWithTicksAndTests) {
  EXPECT_NEAR(alarm_bound(6000, 1), 15.6, 0.01);
  EXPECT_NEAR(alarm_bound(6000, 3), 16.7, 0.01);
}

TEST(CusumBank, SumsAsTheFormulaSays) {
  CusumBank bank(0.01, 1);
  EXPECT_FALSE(bank.add(1, 10, 100, at_tick(0), at_tick(0.1)));
  // Of the design 0.12, which is the greatest here.
  EXPECT_NEAR(bank.statistic(), std::log(12) + 9 * std::log(0.88 / 0.99), 1e-12);
  bank.add(0, 20, 100, at_tick(1), at_tick(1.1));
  EXPECT_GT(bank.statistic(), 0) << "the design 0.02 forgets slowly";
  bank.add(0, 1000, 100, at_tick(2), at_tick(2.1));
  EXPECT_EQ(bank.statistic(), 0) << "never below 0";
}

TEST(CusumBank, ADispersionWeakensTheEvidence) {
  CusumBank plain(0.01, 1), scattered(0.01, 4);
  plain.add(3, 10, 100, at_tick(0), at_tick(0.1));
  scattered.add(3, 10, 100, at_tick(0), at_tick(0.1));
  EXPECT_NEAR(scattered.statistic(), plain.statistic() / 4, 1e-12);
}

TEST(CusumBank, OneBurstAloneIsNoAlarm) {
  CusumBank bank(0.01, 1);
  for (int look = 0; look < 5; ++look)
    EXPECT_FALSE(bank.add(1000, 1000, 16.7, at_tick(look * 0.1), at_tick(look * 0.1 + 0.1)));
  EXPECT_TRUE(bank.add(1000, 1000, 16.7, at_tick(0.5), at_tick(0.6))) << "it lasts longer than a burst";
  bank.reset();
  bank.add(1000, 1000, 16.7, at_tick(2), at_tick(2.1));
  bank.add(0, 2000, 16.7, at_tick(2.1), at_tick(2.2));
  EXPECT_EQ(bank.statistic(), 0) << "it was over at once";
  CusumBank slow(0.01, 1);
  EXPECT_TRUE(slow.add(1000, 1000, 16.7, at_tick(0), at_tick(1))) << "a second of traffic is no burst";
}

TEST(CusumBank, AHeadStartMakesABurstNoAlarm) {
  CusumBank bank(0.01, 1);
  for (int look = 0; look < 5; ++look) {
    double start = look < 3 ? 5.2 : 0;
    EXPECT_FALSE(bank.add(1000, 1000, 16.7, at_tick(look * 0.1), at_tick(look * 0.1 + 0.1), start));
  }
  EXPECT_NEAR(bank.statistic(), 5.2 + kMostOfABurst * (16.7 - 5.2), 1e-9);
  EXPECT_TRUE(bank.add(1000, 1000, 16.7, at_tick(0.5), at_tick(0.6)));
}

TEST(CusumBank, TheEvidenceBeginsWhereTheSumWasLastZero) {
  CusumBank bank(0.05, 1);
  bank.add(0, 500, 100, at_tick(0), at_tick(0.1));
  bank.add(10, 20, 100, at_tick(1), at_tick(1.1));
  bank.add(9, 20, 100, at_tick(2), at_tick(2.1));
  EXPECT_EQ(bank.evidence().bad, 19);
  EXPECT_EQ(bank.evidence().total, 40);
  EXPECT_EQ(bank.evidence().since, at_tick(1));
}

TEST(Dispersion, IndependentEventsHaveOneAndBurstsMore) {
  Random random(7);
  BinomialDispersion independent, bursts;
  for (int tick = 0; tick < 2000; ++tick) {
    double bad = 0;
    for (int i = 0; i < 50; ++i) bad += random.uniform() < 0.05;
    independent.add(bad, 50);
    bursts.add(random.uniform() < 0.05 ? 50 : 0, 50);
  }
  EXPECT_NEAR(independent.value(), 1, 0.1);
  EXPECT_NEAR(bursts.value(), 50, 5) << "events that fail fifty at a time";
}

TEST(Dispersion, OfTrafficInTime) {
  Random random(7);
  PoissonDispersion independent, pairs;
  for (int i = 0; i < 5000; ++i) {
    independent.add(1, random.exponential(0.01));
    pairs.add(2, random.exponential(0.02));
  }
  EXPECT_NEAR(independent.rate(), 100, 5);
  EXPECT_NEAR(pairs.rate(), 100, 5);
}

TEST(Dispersion, TooLittleSaysNothing) {
  BinomialDispersion few;
  few.add(10, 10);
  few.add(0, 10);
  EXPECT_EQ(few.value(), 1);
  EXPECT_EQ(PoissonDispersion().value(), 1);
  EXPECT_EQ(PoissonDispersion().rate(), 0);
}

}  // namespace
}  // namespace ordeal::judge
