#include "fault/packets/delay_line.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ordeal::packets {
namespace {

constexpr BootTime at(Nanos t) { return BootTime(t); }

HeldPacket packet(uint32_t id, Nanos arrived, uint32_t length = 100) {
  HeldPacket held;
  held.id = id;
  held.length = length;
  held.arrived = at(arrived);
  return held;
}

DelayLine line(DelayShape shape, HoldBound bound = {}) { return DelayLine(shape, bound, Random(7)); }

std::vector<uint32_t> due(DelayLine& delays, Nanos now) {
  std::vector<uint32_t> ids;
  delays.release_due(at(now), [&](HeldPacket& held) { ids.push_back(held.id); });
  return ids;
}

TEST(DelayLine, HoldsAPacketToItsDeadlineAndNotLonger) {
  auto delays = line({.delay = 10ms});
  EXPECT_FALSE(delays.next_deadline());
  ASSERT_TRUE(delays.admit(packet(1, 5ms)));
  EXPECT_EQ(delays.next_deadline(), at(15ms));
  EXPECT_TRUE(due(delays, 15ms - 1ns).empty());
  EXPECT_EQ(due(delays, 15ms), std::vector<uint32_t>{1});
  EXPECT_FALSE(delays.next_deadline());
  EXPECT_EQ(delays.stats().delayed, 1u);
  EXPECT_EQ(delays.stats().added.min(), 10ms);
}

TEST(DelayLine, AConstantDelayKeepsTheOrderOfArrival) {
  auto delays = line({.delay = 10ms});
  EXPECT_TRUE(delays.keeps_order());
  // The second one's time stamp is a little earlier: it waits behind the first all the same.
  ASSERT_TRUE(delays.admit(packet(1, 2ms)));
  ASSERT_TRUE(delays.admit(packet(2, 1ms)));
  ASSERT_TRUE(delays.admit(packet(3, 3ms)));
  EXPECT_TRUE(due(delays, 11ms).empty());
  EXPECT_EQ(due(delays, 20ms), (std::vector<uint32_t>{1, 2, 3}));
}

TEST(DelayLine, UniformJitterStaysWithinItsRangeAndIsCentred) {
  auto delays = line({.delay = 50ms, .jitter = 20ms});
  EXPECT_FALSE(delays.keeps_order());
  double sum = 0;
  Nanos least = 1h, most = 0ns;
  for (uint32_t id = 0; id < 10'000; ++id) ASSERT_TRUE(delays.admit(packet(id, 0ns)));
  delays.release_due(at(1h), [&](HeldPacket& held) {
    Nanos delay = held.deadline - held.arrived;
    sum += to_millis(delay);
    least = std::min(least, delay);
    most = std::max(most, delay);
  });
  EXPECT_GE(least, 30ms);
  EXPECT_LE(most, 70ms);
  EXPECT_LT(least, 31ms);
  EXPECT_GT(most, 69ms);
  EXPECT_NEAR(sum / 10'000, 50, 0.6);
}

TEST(DelayLine, NormalJitterHasItsStandardDeviationAndNeverGoesBelowZero) {
  auto delays = line({.delay = 30ms, .jitter = 10ms, .kind = JitterKind::kNormal});
  double sum = 0, squares = 0;
  for (uint32_t id = 0; id < 20'000; ++id) ASSERT_TRUE(delays.admit(packet(id, 0ns)));
  delays.release_due(at(1h), [&](HeldPacket& held) {
    double delay = to_millis(held.deadline - held.arrived);
    EXPECT_GE(delay, 0);
    sum += delay;
    squares += delay * delay;
  });
  double mean = sum / 20'000;
  EXPECT_NEAR(mean, 30, 0.4);
  EXPECT_NEAR(std::sqrt(squares / 20'000 - mean * mean), 10, 0.4);

  auto wide = line({.delay = 1ms, .jitter = 10ms, .kind = JitterKind::kNormal});
  for (uint32_t id = 0; id < 1'000; ++id) ASSERT_TRUE(wide.admit(packet(id, 5ms)));
  EXPECT_GE(*wide.next_deadline(), at(5ms));
}

TEST(DelayLine, JitteredPacketsLeaveInTheOrderOfTheirDeadlines) {
  auto delays = line({.delay = 50ms, .jitter = 50ms});
  for (uint32_t id = 0; id < 1'000; ++id) ASSERT_TRUE(delays.admit(packet(id, Nanos(1ms) * id)));
  BootTime last;
  bool overtaken = false;
  uint32_t last_id = 0;
  delays.release_due(at(1h), [&](HeldPacket& held) {
    EXPECT_GE(held.deadline, last);
    overtaken |= held.id < last_id;
    last = held.deadline;
    last_id = held.id;
  });
  EXPECT_TRUE(overtaken);
}

TEST(DelayLine, TheSameSeedGivesTheSameDelays) {
  auto first = line({.delay = 50ms, .jitter = 20ms});
  auto second = line({.delay = 50ms, .jitter = 20ms});
  for (uint32_t id = 0; id < 100; ++id) {
    first.admit(packet(id, 0ns));
    second.admit(packet(id, 0ns));
  }
  EXPECT_EQ(due(first, 1h), due(second, 1h));
}

TEST(DelayLine, BeyondTheByteBoundPacketsPassAndAreCounted) {
  auto delays = line({.delay = 10ms}, {.bytes = 250, .packets = 100});
  EXPECT_TRUE(delays.admit(packet(1, 0ns)));
  EXPECT_TRUE(delays.admit(packet(2, 0ns)));
  EXPECT_FALSE(delays.has_room(51));
  EXPECT_TRUE(delays.has_room(50));
  EXPECT_FALSE(delays.admit(packet(3, 0ns)));
  EXPECT_TRUE(delays.admit(packet(4, 0ns, 50)));
  EXPECT_EQ(delays.held_bytes(), 250u);
  EXPECT_EQ(delays.stats().passed_over_bound, 1u);
  EXPECT_EQ(delays.stats().matched, 4u);
  EXPECT_EQ(due(delays, 10ms), (std::vector<uint32_t>{1, 2, 4}));
  EXPECT_EQ(delays.held_bytes(), 0u);
  EXPECT_TRUE(delays.admit(packet(5, 10ms, 250)));
}

TEST(DelayLine, BeyondThePacketBoundPacketsPassAndAreCounted) {
  auto delays = line({.delay = 10ms, .jitter = 1ms}, {.bytes = 1 << 20, .packets = 2});
  EXPECT_TRUE(delays.admit(packet(1, 0ns, 0)));
  EXPECT_TRUE(delays.admit(packet(2, 0ns, 0)));
  EXPECT_FALSE(delays.admit(packet(3, 0ns, 0)));
  EXPECT_EQ(delays.held_packets(), 2u);
}

TEST(DelayLine, TheEndLetsEverythingGoAndDoesNotCountItAsDelayed) {
  for (Nanos jitter : {Nanos(0), Nanos(5ms)}) {
    auto delays = line({.delay = 1s, .jitter = jitter});
    for (uint32_t id = 0; id < 50; ++id) ASSERT_TRUE(delays.admit(packet(id, 0ns)));
    size_t released = 0;
    delays.release_all([&](HeldPacket&) { ++released; });
    EXPECT_EQ(released, 50u);
    EXPECT_EQ(delays.stats().released_early, 50u);
    EXPECT_EQ(delays.stats().delayed, 0u);
    EXPECT_EQ(delays.stats().added.count(), 0u);
    EXPECT_EQ(delays.held_bytes(), 0u);
    EXPECT_FALSE(delays.next_deadline());
  }
}

TEST(DelayLine, PacketIdsThatWrapKeepTheirOrder) {
  auto delays = line({.delay = 0ns, .jitter = 1ns});
  std::vector<uint32_t> ids;
  for (uint32_t id : {0xfffffffeu, 0xffffffffu, 0u, 1u}) ASSERT_TRUE(delays.admit(packet(id, 5ms)));
  delays.release_due(at(1s), [&](HeldPacket& held) { ids.push_back(held.id); });
  EXPECT_EQ(ids, (std::vector<uint32_t>{0xfffffffe, 0xffffffff, 0, 1}));
}

TEST(AddedDelay, QuantilesAreRightToATenthOfAPercent) {
  AddedDelay added;
  for (int i = 1; i <= 10'000; ++i) added.add(Nanos(100us) * i);
  EXPECT_EQ(added.count(), 10'000u);
  EXPECT_EQ(added.min(), 100us);
  EXPECT_EQ(added.max(), 1s);
  EXPECT_NEAR(to_millis(added.mean()), 500.05, 0.001);
  EXPECT_NEAR(to_millis(added.quantile(0.5)), 500, 0.5);
  EXPECT_NEAR(to_millis(added.quantile(0.99)), 990, 1);
  EXPECT_EQ(added.quantile(1), 1s);
  EXPECT_LE(added.quantile(0), 101us);
}

TEST(AddedDelay, OneValueIsEveryQuantile) {
  for (Nanos value : {Nanos(0), Nanos(1us), Nanos(1023us), Nanos(1024us), Nanos(1025us), Nanos(7h), Nanos(100h)}) {
    AddedDelay added;
    added.add(value);
    EXPECT_EQ(added.quantile(0.5), value);
  }
}

TEST(AddedDelay, WithoutPacketsAllIsZero) {
  AddedDelay added;
  EXPECT_EQ(added.quantile(0.5), 0ns);
  EXPECT_EQ(added.min(), 0ns);
  EXPECT_EQ(added.mean(), 0ns);
}

}  // namespace
}  // namespace ordeal::packets
