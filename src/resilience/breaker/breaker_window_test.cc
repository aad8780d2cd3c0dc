// The closed state: what trips it, and the arithmetic of the window.
#include <algorithm>
#include <deque>
#include <random>

#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using Tripping = BreakerTest;
using O = CircuitBreakerOptions;

// Counts, and never trips.
O counting() { return {.failures_in_a_row = 1'000'000'000, .rates = false}; }

class Window : public BreakerTest {
 protected:
  void expect_window(uint64_t succeeded, uint64_t failed) {
    EXPECT_EQ(window().succeeded, succeeded);
    EXPECT_EQ(window().failed, failed);
  }
};

// ---- What trips it ----

TEST_F(Tripping, B9_BelowTheMinimumNothingTrips) {
  make({.minimum_calls = 10});
  fail(9);
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, B10_TheCallThatMeetsMinimumAndThresholdTripsAndNoLaterOne) {
  for (O::Window kind : {O::Window::kTime, O::Window::kCalls}) {
    make({.kind = kind, .minimum_calls = 4});
    fail(2);
    succeed();
    EXPECT_EQ(state(), State::kClosed);
    succeed();  // the minimum, met by a success
    EXPECT_EQ(state(), State::kOpen);

    make({.kind = kind, .minimum_calls = 4});
    succeed(5);
    fail(4);
    EXPECT_EQ(state(), State::kClosed);
    fail();
    EXPECT_EQ(state(), State::kOpen);
    EXPECT_EQ(events_.back().cause, Event::Cause::kFailureRate);
  }
}

TEST_F(Tripping, ASuccessDoesNotTripOnceTheMinimumIsMet) {
  make({.window = 10s, .buckets = 10, .minimum_calls = 4});
  succeed(3);
  clock_.advance(5s);
  fail(2);
  clock_.advance(6s);
  succeed(2);  // two of four have failed: the next failure will tell
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, B11_AtExactEqualityTheComparisonDecides) {
  make({.failure_percent = 50, .comparison = O::Comparison::kAtLeast, .minimum_calls = 1});
  succeed();
  fail();
  EXPECT_EQ(state(), State::kOpen);
  make({.failure_percent = 50, .comparison = O::Comparison::kAbove, .minimum_calls = 1});
  succeed();
  fail();
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, B12_OneSuccessEndsARowOfFailures) {
  make({.failures_in_a_row = 3, .rates = false});
  for (int i = 0; i < 10; ++i) {
    fail(2);
    succeed();
  }
  EXPECT_EQ(state(), State::kClosed);
  fail(3);
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(events_.back().cause, Event::Cause::kFailuresInARow);
}

TEST_F(Tripping, B13_SlowCallsTripByThemselvesAndASlowSuccessCounts) {
  make({.slow_percent = 50, .slow_after = 1s, .minimum_calls = 4});
  for (Duration takes : {999'999'999ns, 0ns, 1'000'000'000ns}) EXPECT_TRUE(call(Outcome::kSuccess, takes));
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_TRUE(call(Outcome::kSuccess, 2s));
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(events_.back().cause, Event::Cause::kSlowRate);
  EXPECT_EQ(events_.back().window.slow, 2u);
  EXPECT_EQ(snapshot().failed, 0u);
}

TEST_F(Tripping, B14_TimeoutsTripAsFailuresDo) {
  make({.minimum_calls = 100, .failures_in_a_row = 3});
  report(2, Outcome::kTimeout);
  fail();
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(snapshot().timed_out, 2u);
  EXPECT_EQ(snapshot().failed, 3u);
  make({.minimum_calls = 2});
  report(2, Outcome::kTimeout);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, B17_ItDoesNotTripWhileWarmingUpAndDoesAfterwards) {
  make({.minimum_calls = 1, .failures_in_a_row = 5, .warm_up = 10s});
  fail(20);
  clock_.advance(10s - 1ns);
  fail();
  EXPECT_EQ(state(), State::kClosed);
  clock_.advance(1ns);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, B18_TheRateDoesNotSeeResultsOlderThanTheWindow) {
  make({.window = 10s, .buckets = 10, .minimum_calls = 1});
  succeed(10);
  fail(9);
  clock_.advance(11s);
  succeed(2);
  fail();
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Tripping, StartedCallsAreTheWholeWhereAskedFor) {
  make({.minimum_calls = 1, .count_started = true});
  auto permits = acquire(10);
  for (size_t i = 0; i < 4; ++i) permits[i].failure();
  EXPECT_EQ(state(), State::kClosed);
  permits[4].failure();
  EXPECT_EQ(state(), State::kOpen);
}

// ---- The arithmetic ----

TEST_F(Window, B19_TheOldestOfTheLastCallsMakesRoomForTheNext) {
  O options = counting();
  options.kind = O::Window::kCalls;
  options.last_calls = 3;
  options.minimum_calls = 1;
  make(options);
  fail();
  succeed(2);
  expect_window(2, 1);
  clock_.advance(24h);
  succeed();
  expect_window(3, 0);
  fail(2);
  expect_window(1, 2);
}

TEST_F(Window, B20_TotalsAreTheSumOfTheLiveBucketsAfterAnyNumberOfRotations) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    make(counting());
    std::mt19937 random(seed);
    std::deque<std::pair<int64_t, bool>> model;  // the second each call fell in, and whether it failed
    for (int i = 0; i < 2000; ++i) {
      clock_.advance(std::chrono::milliseconds(random() % (random() % 50 == 0 ? 15000 : 400)));
      int64_t second = clock_.now().time_since_epoch() / 1s;
      bool failed = random() % 3 == 0;
      failed ? fail() : succeed();
      model.emplace_back(second, failed);
      while (model.front().first <= second - 10) model.pop_front();
      auto failures = std::count_if(model.begin(), model.end(), [](const auto& each) { return each.second; });
      ASSERT_EQ(window().failed, failures) << "seed " << seed << ", call " << i;
      ASSERT_EQ(window().calls(), model.size()) << "seed " << seed << ", call " << i;
    }
  }
}

TEST_F(Window, B21_AGapAsLongAsTheWindowClearsItAndAShorterOneClearsTheExpiredBuckets) {
  make(counting());
  fail();
  clock_.advance(1s);
  succeed(2);
  clock_.advance(8s);
  expect_window(2, 1);
  clock_.advance(1s);
  expect_window(2, 0);
  clock_.advance(1s);
  expect_window(0, 0);
  succeed(3);
  clock_.advance(10s);
  expect_window(0, 0);
  fail();
  expect_window(0, 1);
}

// A report counts when it is made, whatever time it brings.
TEST_F(Window, B22_AReportWithTheTimeOfAnExpiredBucketCountsInTheNewestOne) {
  make(counting());
  TimePoint old = clock_.now();
  auto permits = acquire(4);
  permits[0].failure();
  clock_.advance(20s);
  succeed();
  permits[1].record(Outcome::kFailure, old);
  permits[2].record(Outcome::kSuccess, old);
  expect_window(2, 1);
  EXPECT_EQ(snapshot().late, 0u);
  permits[3].record(Outcome::kSuccess, clock_.now() - 5s);
  expect_window(3, 1);
}

// A row is not of a window here: only a success ends it.
TEST_F(Window, B23_TimeDoesNotEndARowOfFailures) {
  make({.failures_in_a_row = 3, .rates = false});
  fail(2);
  clock_.advance(1h);
  expect_window(0, 0);
  EXPECT_EQ(snapshot().failures_in_a_row, 2u);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Window, B24_AWindowOfOneWorksInEachKind) {
  O one_call{.kind = O::Window::kCalls, .last_calls = 1, .minimum_calls = 1};
  O one_bucket{.buckets = 1, .minimum_calls = 1};
  O one_millisecond{.window = 1ms, .buckets = 1, .minimum_calls = 1};
  for (const O& options : {one_call, one_bucket, one_millisecond}) {
    make(options);
    succeed();
    expect_window(1, 0);
    clock_.advance(10s);
    fail();
    EXPECT_EQ(state(), State::kOpen);
    EXPECT_EQ(events_.back().window.failed, 1u);
    EXPECT_EQ(events_.back().window.succeeded, 0u);
  }
}

TEST_F(Window, B25_ResetClearsWindowAndRowAndKeepsTheTotals) {
  for (O::Window kind : {O::Window::kTime, O::Window::kCalls}) {
    make({.kind = kind, .failures_in_a_row = 3});
    fail(2);
    succeed(5);
    fail(2);
    breaker_->reset();
    expect_window(0, 0);
    EXPECT_EQ(snapshot().failures_in_a_row, 0u);
    EXPECT_EQ(snapshot().succeeded, 5u);
    EXPECT_EQ(snapshot().failed, 4u);
    fail(2);
    EXPECT_EQ(state(), State::kClosed);
    expect_window(0, 2);
  }
  EXPECT_TRUE(events_.empty());
}

TEST_F(Window, B26_AShortWindowHasFewerBucketsAndIsNoLonger) {
  O options = counting();
  options.window = 5ms;
  options.buckets = 1000;
  make(options);
  fail();
  clock_.advance(4ms);
  expect_window(0, 1);
  clock_.advance(1ms);
  expect_window(0, 0);
  clock_.advance(900us);
  fail();
  clock_.advance(4100us);  // its bucket is a whole millisecond, and goes as one
  expect_window(0, 0);
  options.window = 1500us;
  make(options);
  fail();
  clock_.advance(1500us);
  expect_window(0, 0);
}

TEST_F(Window, B27_ConcurrentReportsAreAllCounted) {
  constexpr int kThreads = 8, kCalls = 4000;
  for (O::Window kind : {O::Window::kTime, O::Window::kCalls}) {
    O options = counting();
    options.kind = kind;
    options.last_calls = kThreads * kCalls;
    make(options);
    run_together(kThreads, [&](int thread) {
      for (int i = 0; i < kCalls; ++i) call((thread + i) % 4 == 0 ? Outcome::kFailure : Outcome::kSuccess);
    });
    expect_window(kThreads * kCalls * 3 / 4, kThreads * kCalls / 4);
    EXPECT_EQ(snapshot().succeeded + snapshot().failed, kThreads * kCalls);
  }
}

TEST_F(Window, B28_AStepOfTheWallClockChangesNothing) {
  static_assert(TimePoint::clock::is_steady);
  TimePoint before = SteadyClock::now(), coarse = CoarseClock::now();
  EXPECT_LE(coarse, SteadyClock::now());
  EXPECT_GT(coarse, before - 1s);
  // Nor does a time that another thread read a little earlier.
  make({.failures_in_a_row = 3});
  clock_.advance(5s);
  fail(2);
  clock_.advance(-3s);
  succeed();
  fail(2);
  expect_window(1, 4);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Window, B29_ASnapshotDuringRotationIsConsistent) {
  make(counting());
  constexpr int kCalls = 3000;
  run_together(4, [&](int thread) {
    uint64_t last = 0;
    for (int i = 0; i < kCalls; ++i) {
      if (thread == 0) clock_.advance(100ms);
      if (thread == 1) call(Outcome::kSuccess);
      if (thread == 2) call(i % 2 == 0 ? Outcome::kFailure : Outcome::kSuccess);
      if (thread < 3) continue;
      BreakerSnapshot now = snapshot();
      EXPECT_LE(now.window.succeeded, now.succeeded);
      EXPECT_LE(now.window.failed, now.failed);
      EXPECT_GE(now.succeeded + now.failed, last);
      last = now.succeeded + now.failed;
      EXPECT_LE(last, 2u * kCalls);
    }
  });
  EXPECT_EQ(snapshot().succeeded + snapshot().failed + snapshot().late, 2u * kCalls);
}

TEST_F(Window, IsRightOnAHostThatIsYoungerThanIt) {
  for (TimePoint start : {TimePoint(0s), TimePoint(7s), TimePoint(-95s)}) {
    ManualClock clock(start);
    CircuitBreaker breaker({.window = 100s, .buckets = 10, .minimum_calls = 1000}, clock);
    for (uint64_t failures = 1; failures <= 10; ++failures, clock.advance(10s)) {
      breaker.try_acquire().failure();
      EXPECT_EQ(breaker.snapshot().window.failed, failures);
    }
  }
}

TEST_F(Window, AnIgnoredCallLeavesTheStartedOnes) {
  ManualClock clock;
  CircuitBreaker breaker({.window = 10s, .minimum_calls = 0, .count_started = true}, clock);
  for (int i = 0; i < 20; ++i) breaker.try_acquire().ignore();
  EXPECT_EQ(breaker.snapshot().window.started, 0u);
  breaker.try_acquire().failure();
  EXPECT_EQ(breaker.state(), State::kOpen);
  CircuitBreaker later({.window = 10s, .minimum_calls = 0, .count_started = true}, clock);
  auto early = later.try_acquire();
  clock.advance(60s);
  early.ignore();  // its start has left the window
  EXPECT_EQ(later.snapshot().window.started, 0u);
}

TEST_F(Window, SlowCallsAreTimedExactlyAlsoWithTheCoarseClock) {
  CircuitBreaker breaker({.slow_percent = 100, .slow_after = 2ms, .minimum_calls = 10});
  for (int i = 0; i < 10 && breaker.state() == State::kClosed; ++i) {
    auto permit = breaker.try_acquire();
    std::this_thread::sleep_for(3ms);
    permit.success();
  }
  EXPECT_EQ(breaker.state(), State::kOpen);
}

}  // namespace
}  // namespace ordeal::resilience
