#include "ordeal/resilience/time_limit.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/retry.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

class TimeLimitTest : public testing::Test {
 protected:
  auto taking(Duration duration) {
    return [this, duration] { return clock_.advance(duration), 42; };
  }
  ManualClock clock_;
};

// Nothing is cancelled from outside here: the channel is the deadline, which the function gets and keeps to.
TEST_F(TimeLimitTest, B66_TheDeadlineIsToldALateResultIsATimeoutAndOneAtTheDeadlineIsCountedOnce) {
  CircuitBreaker breaker({}, clock_);
  Pipeline pipeline(breaker, TimeLimit(3s, clock_));
  TimePoint due = clock_.now() + 3s;
  auto keeps_to_it = [&](const Call& call) { return call.deadline; };
  EXPECT_EQ(*pipeline.call(keeps_to_it), due);

  EXPECT_EQ(*pipeline.call(taking(3s)), 42);
  EXPECT_EQ(breaker.snapshot().succeeded, 2u);
  EXPECT_EQ(breaker.snapshot().failed, 0u);

  EXPECT_EQ(pipeline.call(taking(3s + 1ns)).error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(breaker.snapshot().succeeded, 2u);
  EXPECT_EQ(breaker.snapshot().failed, 1u);
  EXPECT_EQ(breaker.snapshot().timed_out, 1u);
}

TEST_F(TimeLimitTest, ALateFailureIsATimeoutToo) {
  TimeLimit limit(1s, clock_);
  auto late_failure = [&]() -> int { clock_.advance(2s), throw std::runtime_error("down"); };
  EXPECT_EQ(Pipeline{limit}.call(late_failure).error().kind, Error::Kind::kTimeLimit);
  auto in_time = [&]() -> int { throw std::runtime_error("down"); };
  EXPECT_EQ(Pipeline{limit}.call(in_time).error().kind, Error::Kind::kException);
}

TEST_F(TimeLimitTest, TheEarlierDeadlineOfTwoIsTold) {
  TimePoint start = clock_.now();
  auto deadline = [](const Call& call) { return call.deadline - TimePoint(); };
  EXPECT_EQ(*Pipeline(TimeLimit(5s, clock_), TimeLimit(3s, clock_)).call(deadline), start + 3s - TimePoint());
  EXPECT_EQ(*Pipeline(TimeLimit(2s, clock_), TimeLimit(3s, clock_)).call(deadline), start + 2s - TimePoint());
  EXPECT_EQ(*Pipeline(TimeLimit(Duration::max(), clock_)).call(deadline), Duration::max());
}

TEST_F(TimeLimitTest, EachAttemptHasItsOwn) {
  auto turn = [clock = clock_](Duration by) mutable { clock.advance(by); };
  Retry retry({.attempts = 3, .first_delay = 1s, .jitter = Jitter::kNone}, clock_, turn);
  std::vector<Duration> left;
  auto late = [&](const Call& call) {
    left.push_back(call.deadline - clock_.now());
    clock_.advance(4s);
  };
  EXPECT_EQ(Pipeline(retry, TimeLimit(3s, clock_)).call(late).error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(left, (std::vector<Duration>{3s, 3s, 3s}));
}

// A coarse clock lies up to a tick back: a limit of less than one would have passed before the call began.
TEST_F(TimeLimitTest, ACoarseClockDoesNotShortenIt) {
  Pipeline pipeline{TimeLimit<CoarseClock>(100us)};
  for (int i = 0; i < 100; ++i) {
    TimePoint start = SteadyClock::now(), due;
    (void)pipeline.call([&](const Call& call) { return due = call.deadline, 1; });
    EXPECT_GE(due, start + 100us);
  }
}

TEST_F(TimeLimitTest, ALimitThatIsNotAboveZeroIsRefused) {
  for (Duration bad : {0ns, -1ns}) EXPECT_THROW(TimeLimit(bad, clock_), std::invalid_argument);
  try {
    TimeLimit limit(-2s, clock_);
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "time limit -2 s: it must be above 0");
  }
}

}  // namespace
}  // namespace ordeal::resilience
