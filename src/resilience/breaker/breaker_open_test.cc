// The open state: what happens at the trip, how calls are refused, and for how long.
#include <cstdlib>
#include <new>

#include "breaker_fixture.h"

namespace {
thread_local size_t allocations = 0;
}

// For B31; the rest of the program only counts.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using Open = BreakerTest;
using O = CircuitBreakerOptions;
using Reason = Refusal::Reason;

TEST_F(Open, B15_ManyThreadsCrossTheThresholdAndOneTransitionIsMade) {
  for (int round = 0; round < 2000; ++round) {
    events_.clear();
    make({.minimum_calls = 1, .open_jitter = 0});
    auto permits = acquire(3);
    run_together(3, [&](int i) { permits[static_cast<size_t>(i)].failure(); });
    ASSERT_EQ(events_.size(), 1u);
    ASSERT_EQ(transitions(), (Pairs{{State::kClosed, State::kOpen}}));
    ASSERT_EQ(std::tuple(snapshot().generation, snapshot().failed, snapshot().late), std::tuple(1u, 1u, 2u));
  }
}

TEST_F(Open, B16_FailuresAfterTheTripDoNotRestartItsPeriod) {
  make(brittle());
  auto permits = acquire(3);
  permits[0].failure();
  permits[1].failure();
  EXPECT_EQ(breaker_->retry_after(), 10s);
  clock_.advance(4s);
  permits[2].timeout();
  EXPECT_EQ(breaker_->retry_after(), 6s);
  EXPECT_EQ(events_.size(), 1u);
  clock_.advance(6s);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(Open, B30_ARefusalNamesTheBreakerAndTheTimeToRetryAndTheFunctionIsNotRun) {
  O options = brittle();
  options.name = "stripe";
  make_open(options);
  clock_.advance(4s);
  bool ran = false;
  auto result = breaker_->call([&] { ran = true; });
  EXPECT_FALSE(ran);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, Error::Kind::kRefused);
  EXPECT_EQ(result.error().refusal.reason, Reason::kOpen);
  EXPECT_STREQ(result.error().refusal.by, "stripe");
  EXPECT_EQ(result.error().refusal.retry_after, 6s);
  EXPECT_EQ(to_text(result.error()), "stripe is open, retry after 6 s");
}

TEST_F(Open, B31_ARefusalNeitherAllocatesNorThrows) {
  make_open(brittle());
  size_t before = allocations;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(breaker_->try_acquire());
  EXPECT_FALSE(breaker_->call([] { return 1; }).has_value());
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(breaker_->snapshot().transitions.size(), 1u);
  EXPECT_GT(allocations, before);  // so the count works
}

TEST_F(Open, B32_RefusedCallsAreCountedApartAndDoNotEnterTheRate) {
  make({.minimum_calls = 2, .count_started = true, .open_for = 1s, .open_jitter = 0});
  fail(2);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(call(Outcome::kSuccess));
  EXPECT_EQ(snapshot().refused, 100u);
  EXPECT_EQ(snapshot().failed, 2u);
  clock_.advance(1s);
  succeed();
  EXPECT_EQ(window().started, 0u);
  fail(2);  // a hundred refused calls in the window would keep it closed
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(Open, B33_AResultOfACallFromBeforeTheTripChangesNothing) {
  make(brittle());
  auto permits = acquire(4);
  fail();
  permits[0].success();
  permits[1].failure();
  permits[2].ignore();
  { auto dropped = std::move(permits[3]); }
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(snapshot().late, 4u);
  EXPECT_EQ(snapshot().succeeded, 0u);
  EXPECT_EQ(snapshot().failed, 1u);
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(Open, B34_NorDoesItExtendTheOpenPeriod) {
  O options = brittle();
  options.open_growth = 2;
  make(options);
  auto permits = acquire(2);
  fail();
  clock_.advance(9s);
  permits[0].failure();
  permits[1].timeout();
  EXPECT_EQ(breaker_->retry_after(), 1s);
}

TEST_F(Open, B35_TheTimeToRetryFallsToZero) {
  make_open(brittle());
  for (Duration left = 10s; left > 0s; left -= 500ms, clock_.advance(500ms)) {
    EXPECT_EQ(breaker_->retry_after(), left);
    EXPECT_EQ(breaker_->try_acquire().refusal().retry_after, left);
  }
  EXPECT_EQ(breaker_->retry_after(), 0s);
  clock_.advance(1h);
  EXPECT_EQ(breaker_->retry_after(), 0s);
  succeed();
  EXPECT_EQ(breaker_->retry_after(), 0s);
}

TEST_F(Open, B36_EachOpeningLastsLongerUpToTheCapUntilItCloses) {
  O options = brittle();
  options.open_growth = 2;
  options.open_longest = 50s;
  make_open(options);
  for (Duration period : {10s, 20s, 40s, 50s, 50s}) {
    EXPECT_EQ(breaker_->retry_after(), period);
    clock_.advance(period);
    fail();
  }
  clock_.advance(50s);
  succeed();
  fail();
  EXPECT_EQ(breaker_->retry_after(), 10s);
}

TEST_F(Open, JitterSpreadsThePeriodsWithinItsBounds) {
  Duration shortest = 10s, longest = 10s;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    O options = brittle();
    options.open_jitter = 0.2;
    options.seed = seed;
    make_open(options);
    shortest = std::min(shortest, breaker_->retry_after());
    longest = std::max(longest, breaker_->retry_after());
  }
  EXPECT_GE(shortest, 8s);
  EXPECT_LT(shortest, 8200ms);
  EXPECT_LE(longest, 12s);
  EXPECT_GT(longest, 11800ms);
}

TEST_F(Open, B37_APeriodNearTheEndOfTimeDoesNotOverflow) {
  for (Duration period : {Duration::max(), Duration::max() - 1ns, Duration::max() / 2}) {
    O options = brittle();
    options.open_for = period;
    options.open_jitter = 1;
    options.open_growth = 10;
    options.open_longest = Duration::max();
    for (options.seed = 1; options.seed < 10; ++options.seed) {
      make_open(options);
      for (int i = 0; i < 3; ++i) breaker_->move_to(State::kHalfOpen), fail();
      EXPECT_FALSE(call(Outcome::kSuccess));
      clock_.advance(24h);
      EXPECT_FALSE(call(Outcome::kSuccess));
    }
  }
}

TEST_F(Open, B38_OpenForAndOpenUntilOverrideTheConfiguredPeriod) {
  make(brittle());
  EXPECT_TRUE(breaker_->open_for(3s));
  EXPECT_EQ(breaker_->retry_after(), 3s);
  EXPECT_TRUE(breaker_->open_until(clock_.now() + 100s));
  EXPECT_EQ(breaker_->retry_after(), 100s);
  EXPECT_TRUE(breaker_->open_for(1s));
  clock_.advance(1s);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_TRUE(breaker_->open_for(Duration::max()));
  clock_.advance(1000h);
  EXPECT_FALSE(call(Outcome::kSuccess));
  EXPECT_EQ(transitions().size(), 4u);
}

}  // namespace
}  // namespace ordeal::resilience
