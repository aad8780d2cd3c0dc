// Boundary by boundary what opossum and pybreaker do with common configurations, and which of their traps are
// not here. Numbers: opossum 10.0.0 and pybreaker 1.4.1, measured.
#include "ordeal/resilience/presets.h"

#include <cmath>
#include <deque>
#include <stdexcept>

#include "../breaker/breaker_fixture.h"
#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

int is_down() { throw std::runtime_error("down"); }
Result<int> cancelled() { return Error{Error::Kind::kCancelled, {}, nullptr}; }

// ---- opossum ----

class Opossum : public BreakerTest {
 protected:
  void make_preset(const OpossumOptions& options = {}) { make(opossum_like(options)); }
  void make_tripped(const OpossumOptions& options = {}) { make_open(opossum_like(options)); }
  // When it opened, after a fault of all calls began; ten calls a second, each of which takes so long to fail.
  Duration engagement(Duration failure_takes) {
    for (int i = 0; i < 200; ++i, clock_.advance(100ms)) succeed();
    TimePoint onset = clock_.now();
    std::deque<std::pair<TimePoint, Breaker::Permit>> under_way;
    while (clock_.now() < onset + 20s) {
      while (!under_way.empty() && under_way.front().first + failure_takes <= clock_.now()) {
        under_way.front().second.timeout();
        under_way.pop_front();
      }
      if (state() != State::kClosed) return clock_.now() - onset;
      under_way.emplace_back(clock_.now(), breaker_->try_acquire());
      clock_.advance(100ms);
    }
    return Duration::max();
  }
};

TEST_F(Opossum, TheFirstFailureOfAllOpens) {
  make_preset();
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, AtExactlyHalfItStaysClosed) {
  make_preset();
  succeed();
  fail();
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, HalfOfAllCallsMayFailForEver) {
  make_preset();
  for (int i = 0; i < 1000; ++i, clock_.advance(97ms)) succeed(), fail();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Opossum, TenConcurrentFailuresOpenAtTheSixth) {
  make_preset();
  auto permits = acquire(10);
  for (size_t i = 0; i < 5; ++i) permits[i].failure();
  EXPECT_EQ(state(), State::kClosed);
  permits[5].failure();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, ItOpensFiveSecondsAfterATotalFaultAndEightIfEachCallHangsForThree) {
  make_preset();
  Duration of_errors = engagement(0s);
  EXPECT_GE(of_errors, 4s);
  EXPECT_LE(of_errors, 5200ms);
  make_preset();
  Duration of_hangs = engagement(3s);
  EXPECT_GE(of_hangs, 7s);
  EXPECT_LE(of_hangs, 8200ms);
}

TEST_F(Opossum, TheWindowLosesItsOldestSecondAsAWhole) {
  make_preset();
  clock_.advance(500ms);
  succeed(3);
  clock_.advance(9s + 499ms);
  EXPECT_EQ(window().succeeded, 3u);
  clock_.advance(1ms);
  EXPECT_EQ(window().succeeded, 0u);
}

TEST_F(Opossum, TheCallThatReachesTheVolumeThresholdTrips) {
  make_preset({.volumeThreshold = 10});
  fail(9);
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
  clock_.advance(30s);
  fail();  // half-open, where the threshold does not apply
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, TheVolumeThresholdMetByASuccessTripsHere) {
  make_preset({.volumeThreshold = 4});
  fail(3);
  EXPECT_EQ(state(), State::kClosed);
  succeed();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, ATimeoutIsAFailureAndTheSlotIsHeldUntilTheWorkHasEnded) {
  make_preset();
  Bulkhead capacity({.limit = 2});
  Pipeline pipeline(*breaker_, TimeLimit(3s, clock_), capacity);
  auto hangs = [&] {
    clock_.advance(4s);
    EXPECT_EQ(capacity.in_flight(), 1u);
  };
  EXPECT_EQ(pipeline.call(hangs).error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(snapshot().timed_out, 1u);
  EXPECT_EQ(snapshot().failed, 1u);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, AFullBulkheadIsNoFailure) {
  make_preset();
  Bulkhead capacity({.limit = 1});
  auto slot = capacity.acquire();
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Pipeline(*breaker_, capacity).call([] { return 1; }).has_value());
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(snapshot().failed, 0u);
}

TEST_F(Opossum, LateResultsNeitherCloseNorOpenAgain) {
  make_preset({.resetTimeout = 1000});
  auto permits = acquire(3);
  permits[0].failure();
  ASSERT_EQ(state(), State::kClosed);  // one of three
  fail();
  ASSERT_EQ(state(), State::kClosed);  // two of four
  fail();
  ASSERT_EQ(state(), State::kOpen);
  clock_.advance(1s);
  auto probe = breaker_->try_acquire();
  permits[1].success();
  EXPECT_EQ(state(), State::kHalfOpen);
  permits[2].failure();
  EXPECT_EQ(state(), State::kHalfOpen);
  probe.success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Opossum, ItIsHalfOpenAtThirtySecondsByATimerThatPollsIt) {
  make_tripped();
  clock_.advance(30s - 1ns);
  breaker_->poll();
  EXPECT_EQ(state(), State::kOpen);
  clock_.advance(1ns);
  breaker_->poll();
  EXPECT_EQ(state(), State::kHalfOpen);
}

TEST_F(Opossum, OneProbePassesAndItsSuccessCloses) {
  make_tripped();
  clock_.advance(30s);
  auto probes = acquire(5);
  EXPECT_TRUE(probes[0]);
  for (size_t i = 1; i < 5; ++i) EXPECT_FALSE(probes[i]);
  probes[0].success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Opossum, AFailedProbeOpensForTheWholeTimeAgain) {
  make_tripped();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(breaker_->retry_after(), 30s);
    clock_.advance(30s);
    fail();
  }
  EXPECT_EQ(breaker_->retry_after(), 30s);
}

TEST_F(Opossum, AFilteredErrorDoesNotClose) {
  make_tripped();
  clock_.advance(30s);
  report(3, Outcome::kIgnored);
  EXPECT_EQ(state(), State::kHalfOpen);
}

TEST_F(Opossum, AHungProbeCannotBlockForEver) {
  make_tripped();
  clock_.advance(30s);
  auto hung = breaker_->try_acquire();
  clock_.advance(30s);
  breaker_->poll();
  EXPECT_EQ(state(), State::kOpen);
  clock_.advance(30s);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Opossum, AfterClosingOldFailuresDoNotTrip) {
  make_preset({.resetTimeout = 1000});
  succeed(5);
  fail(6);
  ASSERT_EQ(state(), State::kOpen);
  clock_.advance(1s);
  succeed(3);
  fail();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Opossum, RefusedCallsNeitherDelayNorCauseATrip) {
  make_tripped({.resetTimeout = 1000});
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(call(Outcome::kSuccess));
  clock_.advance(1s);
  succeed();
  EXPECT_EQ(window().started, 0u);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Opossum, EachOfItsOptionsIsTaken) {
  auto options = opossum_like({.errorThresholdPercentage = 30,
                               .resetTimeout = 5000,
                               .rollingCountTimeout = 20000,
                               .rollingCountBuckets = 5,
                               .volumeThreshold = 7});
  EXPECT_EQ(check(options), "");
  EXPECT_EQ(options.failure_percent, 30);
  EXPECT_EQ(options.open_for, 5s);
  EXPECT_EQ(options.window, 20s);
  EXPECT_EQ(options.buckets, 5u);
  EXPECT_EQ(options.minimum_calls, 7u);
  EXPECT_EQ(check(opossum_like({.resetTimeout = 4'000'000'000})), "");
}

// ---- pybreaker ----

class Pybreaker : public BreakerTest {
 protected:
  void make_preset(const PybreakerOptions& options = {}) { make(pybreaker_like(options)); }
  // Half-open after `reset_timeout` of 60 s.
  void make_probing(const PybreakerOptions& options) { make_half_open(pybreaker_like(options)); }
};

TEST_F(Pybreaker, TheFifthFailureInARowOpensAndNoEarlierOne) {
  make_preset();
  fail(4);
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Pybreaker, FourOfFiveMayFailForEver) {
  make_preset();
  for (int i = 0; i < 1000; ++i, clock_.advance(1ms)) fail(4), succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Pybreaker, TimeDoesNotForgetFailures) {
  make_preset();
  fail(4);
  clock_.advance(24h);
  fail();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Pybreaker, TheLastFailureBeforeATripIsReportedAsItself) {
  make_preset();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(breaker_->call(is_down).error().kind, Error::Kind::kException);
  EXPECT_EQ(breaker_->call(is_down).error().kind, Error::Kind::kRefused);
}

TEST_F(Pybreaker, ItIsOpenUntilTheFirstCallAfterItsTimeout) {
  make_preset({.fail_max = 1, .reset_timeout = 30.5});
  fail();
  EXPECT_EQ(breaker_->retry_after(), 30500ms);
  clock_.advance(30500ms);
  EXPECT_EQ(state(), State::kOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Pybreaker, HalfOpenAdmitsOneAtATime) {
  make_probing({.fail_max = 1, .success_threshold = 3});
  auto probes = acquire(3);
  EXPECT_TRUE(probes[0] && !probes[1] && !probes[2]);
  probes[0].success();
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_TRUE(breaker_->try_acquire());
}

TEST_F(Pybreaker, SuccessesInARowCloseAndAFailureStartsThemAnew) {
  make_probing({.fail_max = 1, .success_threshold = 3});
  succeed(2);
  fail();
  EXPECT_EQ(breaker_->retry_after(), 60s);
  clock_.advance(60s);
  succeed(2);
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Pybreaker, ClosingForgetsTheFailures) {
  make_preset({.fail_max = 2});
  fail(2);
  clock_.advance(60s);
  succeed();
  fail();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Pybreaker, CallsAreNotSerialised) {
  make_preset();
  auto slow = breaker_->try_acquire();
  succeed(10);  // while the slow one is under way
  slow.failure();
  EXPECT_EQ(snapshot().failures_in_a_row, 1u);
}

TEST_F(Pybreaker, AnIgnoredOutcomeNeitherEndsTheRowNorCloses) {
  make_preset({.fail_max = 2});
  fail();
  report(1, Outcome::kIgnored);
  fail();
  EXPECT_EQ(state(), State::kOpen);
  clock_.advance(60s);
  report(1, Outcome::kIgnored);
  EXPECT_EQ(state(), State::kHalfOpen);
}

TEST_F(Pybreaker, CancellationDoesNotCount) {
  make_preset({.fail_max = 1});
  EXPECT_FALSE(breaker_->call(cancelled).has_value());
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(snapshot().ignored, 1u);
}

// An `async def` never trips there, because it fails after the call: here the permit is held until it has ended.
TEST_F(Pybreaker, ACallCountsWhenItHasEnded) {
  make_preset({.fail_max = 1});
  auto coroutine = breaker_->try_acquire();
  auto handed_on = std::move(coroutine);
  EXPECT_EQ(state(), State::kClosed);
  handed_on.failure();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Pybreaker, ItsBadOptionsAreRefused) {
  EXPECT_EQ(check(pybreaker_like()), "");
  EXPECT_EQ(check(pybreaker_like({.reset_timeout = 1e7})), "");
  EXPECT_EQ(check(pybreaker_like({.reset_timeout = 1e300})), "");
  EXPECT_NE(check(pybreaker_like({.fail_max = 0})).find("failures_in_a_row is 0"), std::string::npos);
  EXPECT_NE(check(pybreaker_like({.fail_max = uint64_t(-1)})).find("failures_in_a_row is 1.8"), std::string::npos);
  for (double none : {-1.0, -double(INFINITY), double(NAN)})
    EXPECT_NE(check(pybreaker_like({.reset_timeout = none})).find("open_for is 0 ns"), std::string::npos);
}

TEST(Presets, TheConfigurationsOfOtherLibrariesAreTaken) {
  auto stripe = opossum_like({.timeout = 3000,
                              .errorThresholdPercentage = 50,
                              .resetTimeout = 30000,
                              .rollingCountTimeout = 10000,
                              .rollingCountBuckets = 10});
  EXPECT_EQ(check(stripe), "");
  EXPECT_EQ(std::tuple(stripe.open_for, stripe.window, stripe.buckets), std::tuple(30s, 10s, 10u));
  auto python = pybreaker_like({.fail_max = 5, .timeout_duration = 30});
  EXPECT_EQ(check(python), "");
  EXPECT_EQ(std::tuple(python.failures_in_a_row, python.open_for), std::tuple(5u, 30s));
}

}  // namespace
}  // namespace ordeal::resilience
