#include "fault/packets/acts/token_bucket.h"

#include <gtest/gtest.h>

namespace ordeal::packets {
namespace {

constexpr BootTime after(Nanos t) { return BootTime(1h + t); }

// 1000 bytes are 1 ms.
constexpr Shaping kShaping{.bits_per_second = 8e6, .burst = 3000, .limit = 0};

TEST(TokenBucket, TheBurstPassesAtOnceAndThenTheRate) {
  TokenBucket bucket(kShaping);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(after(0ms), 1000), after(0ms));
  EXPECT_EQ(bucket.take(after(0ms), 1000), after(1ms));
  EXPECT_EQ(bucket.take(after(0ms), 500), after(1500us));
}

TEST(TokenBucket, ARestFillsItUpToTheBurstAndNoFurther) {
  TokenBucket bucket(kShaping);
  for (int i = 0; i < 5; ++i) bucket.take(after(0ms), 1000);
  EXPECT_EQ(bucket.take(after(3ms), 1000), after(3ms));
  EXPECT_EQ(bucket.take(after(3ms), 1000), after(4ms));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(after(1s), 1000), after(1s));
  EXPECT_EQ(bucket.take(after(1s), 1000), after(1001ms));
}

TEST(TokenBucket, APacketLargerThanTheBurstPassesAllTheSame) {
  TokenBucket bucket({.bits_per_second = 8e6, .burst = 0});
  EXPECT_EQ(bucket.take(after(0ms), 5000), after(0ms));
  EXPECT_EQ(bucket.take(after(0ms), 1000), after(1ms));
}

// However late the packets come to be asked about, in the long run the rate is the one that was asked for.
TEST(TokenBucket, TheRateIsExact) {
  TokenBucket bucket(kShaping);
  BootTime last;
  for (int i = 0; i < 100'000; ++i) last = bucket.take(after(Nanos(100us) * (i / 2)), 1514);
  EXPECT_NEAR(to_seconds(last - after(0s)), 100'000 * 1514 / 1e6 - 0.003, 1e-6);
}

// The last packet went 50 ms late; a sender that waited for it may make up for that, and for no more.
TEST(TokenBucket, OurOwnLatenessIsNotLostToTheSender) {
  TokenBucket bucket(kShaping);
  for (int i = 0; i < 5; ++i) bucket.take(after(0ms), 1000);
  bucket.excuse(50ms);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(bucket.take(after(52ms), 1000), after(52ms));
  EXPECT_EQ(bucket.take(after(52ms), 1000), after(53ms));
  bucket.excuse(0ms);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(after(1s), 1000), after(1s));
  EXPECT_EQ(bucket.take(after(1s), 1000), after(1001ms));
}

TEST(BusyTime, TimeThatIsMadeUpForCountsOnce) {
  BusyTime busy;
  busy.begin(after(0ms));
  busy.went(after(60ms), 10'000);  // due at 10 ms
  busy.end();
  busy.made_up(after(10ms), 20'000);
  busy.begin(after(30ms));
  busy.went(after(70ms), 40'000);
  busy.end();
  EXPECT_EQ(busy.time(), 70ms);
  EXPECT_DOUBLE_EQ(busy.bits_per_second(), 8e6);
  busy.made_up(after(90ms), 5000);  // a rest came before: none of this
  EXPECT_EQ(busy.bytes(), 70'000u);
}

// At the end of an attack all that waits is let go, without an end of the waiting.
TEST(BusyTime, ATimeThatWasNotEndedCountsAllTheSame) {
  BusyTime busy;
  busy.begin(after(0ms));
  busy.went(after(5ms), 5000);
  busy.begin(after(7ms));
  EXPECT_EQ(busy.time(), 5ms);
  EXPECT_DOUBLE_EQ(busy.bits_per_second(), 8e6);
  EXPECT_EQ(busy.periods(), 2u);
}

// The bucket did not rest in between, so that no end of it was late.
TEST(BusyTime, TimesWithoutARestBetweenThemAreOne) {
  BusyTime busy;
  for (int i = 0; i < 10; ++i) {
    busy.begin(after(Nanos(1ms) * i));
    busy.went(after(Nanos(1ms) * (i + 1)), 1000);
    busy.end();
  }
  EXPECT_EQ(busy.periods(), 1u);
  EXPECT_EQ(busy.time(), 10ms);
}

TEST(BusyTime, IsTheTimeInWhichSomethingWaited) {
  BusyTime busy;
  EXPECT_EQ(busy.bits_per_second(), 0);
  busy.begin(after(10ms));
  busy.went(after(11ms), 1000);
  busy.went(after(12ms), 1000);
  busy.end();
  busy.went(after(1s), 5000);  // nothing waited: it was no matter of the rate
  busy.end();
  busy.begin(after(5s));
  busy.went(after(5001ms), 1000);
  EXPECT_EQ(busy.time(), 3ms);
  EXPECT_EQ(busy.bytes(), 3000u);
  EXPECT_EQ(busy.periods(), 2u);
  EXPECT_DOUBLE_EQ(busy.bits_per_second(), 8e6);
}

}  // namespace
}  // namespace ordeal::packets
