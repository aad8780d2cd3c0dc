#include "ordeal/resilience/circuit_breaker.h"

#include <gtest/gtest.h>

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

TEST(CircuitBreaker, OpensAtTheMinimumAndClosesByAProbe) {
  ManualClock clock;
  CircuitBreaker<ManualClock> breaker({.minimum_calls = 4, .open_for = 1s, .open_jitter = 0}, clock);
  auto call = [&](bool good) {
    auto permit = breaker.try_acquire();
    if (!permit) return false;
    good ? permit.success() : permit.failure();
    return true;
  };
  for (bool good : {false, false, true}) EXPECT_TRUE(call(good));
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_TRUE(call(true));  // the missing minimum, met by a success
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_FALSE(call(true));
  clock.advance(1s);
  EXPECT_TRUE(call(true));
  EXPECT_EQ(breaker.state(), State::kClosed);
}

}  // namespace
}  // namespace ordeal::resilience
