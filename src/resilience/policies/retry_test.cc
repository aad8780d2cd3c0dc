#include "ordeal/resilience/retry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>
#include <stdexcept>
#include <tl/expected.hpp>
#include <vector>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {

namespace {
struct Busy {
  Duration come_back_in{0};
};
}  // namespace

template <>
struct ErrorTraits<Busy> {
  static Busy make(const Error&) { return {}; }
  static std::optional<Error> read(const Busy&) { return std::nullopt; }
  static std::optional<Duration> retry_after(const Busy& busy) { return busy.come_back_in; }
};

namespace {

using namespace std::chrono_literals;

// Turns the clock instead of waiting, and writes down by how much.
struct Sleeper {
  ManualClock clock;
  std::vector<Duration>* slept;
  void operator()(Duration duration) {
    clock.advance(duration);
    slept->push_back(duration);
  }
};

class RetryTest : public testing::Test {
 protected:
  using ManualRetry = Retry<ManualClock, Sleeper>;
  static RetryOptions plain(uint32_t attempts = 5) {
    return {.attempts = attempts, .jitter = Jitter::kNone, .budget_ratio = 0, .budget_per_second = 0};
  }
  ManualRetry make(const RetryOptions& options) { return ManualRetry(options, clock_, Sleeper{clock_, &slept_}); }
  // A call that fails so many times, then gives 42.
  auto failing(int times) {
    return [this, times]() -> int {
      if (++called_ <= times) throw std::runtime_error("down");
      return 42;
    };
  }
  bool call(ManualRetry& retry, int failures) {
    called_ = 0;
    return Pipeline{retry}.call(failing(failures)).has_value();
  }

  ManualClock clock_;
  std::vector<Duration> slept_;
  int called_ = 0;
};

void expect_delays(Jitter jitter, uint32_t attempt, Duration last, Duration least, Duration most) {
  RetryOptions options{.first_delay = 1s, .growth = 2, .longest_delay = 30s, .jitter = jitter};
  double almost_one = std::nextafter(1.0, 0.0);
  EXPECT_EQ(retry_delay(options, attempt, last, 0), least);
  EXPECT_LE(retry_delay(options, attempt, last, almost_one), most);
  EXPECT_GE(retry_delay(options, attempt, last, almost_one), most - 1us);
  EXPECT_NEAR(static_cast<double>(retry_delay(options, attempt, last, 0.5).count()),
              static_cast<double>((least + most).count()) / 2, 1000);
}

TEST_F(RetryTest, B69_AttemptsAndDelaysKeepToTheirBoundsAndARefusalIsNotRetried) {
  ManualRetry retry = make(plain());
  EXPECT_FALSE(call(retry, 100));
  EXPECT_EQ(called_, 5);
  EXPECT_EQ(slept_, (std::vector<Duration>{1s, 2s, 4s, 8s}));
  expect_delays(Jitter::kNone, 3, 2s, 4s, 4s);
  expect_delays(Jitter::kFull, 3, 2s, 0s, 4s);
  expect_delays(Jitter::kEqual, 3, 2s, 2s, 4s);
  expect_delays(Jitter::kDecorrelated, 3, 2s, 1s, 6s);
  expect_delays(Jitter::kDecorrelated, 1, 0s, 1s, 1s);
  for (uint32_t attempt : {6u, 64u, 1024u, 5000u, 4'000'000'000u}) expect_delays(Jitter::kNone, attempt, 30s, 30s, 30s);
  EXPECT_EQ(retry_delay({.longest_delay = 1s}, 9, 1s, 0.5), 500ms);

  CircuitBreaker breaker({.initial = State::kForcedOpen}, clock_);
  auto refused = Pipeline{retry, breaker}.call(failing(0));
  EXPECT_EQ(refused.error().kind, Error::Kind::kRefused);
  EXPECT_EQ(breaker.snapshot().refused, 1u);
  EXPECT_EQ(slept_.size(), 4u);
}

TEST_F(RetryTest, ADelayOfZeroStaysZeroAtAnyAttempt) {
  for (Jitter jitter : {Jitter::kNone, Jitter::kFull, Jitter::kEqual, Jitter::kDecorrelated}) {
    for (uint32_t attempt : {1u, 2u, 100u, 5000u, 4'000'000'000u}) {
      EXPECT_EQ(retry_delay({.first_delay = 0s, .growth = 10, .jitter = jitter}, attempt, 0s, 0.9), 0s);
    }
  }
  RetryOptions options = plain(3);
  options.first_delay = 0s;
  ManualRetry retry = make(options);
  EXPECT_TRUE(call(retry, 2));
  EXPECT_EQ(slept_, (std::vector<Duration>{0s, 0s}));
}

TEST_F(RetryTest, TheNominalDelaysAreWithoutChance) {
  using Delays = std::vector<Duration>;
  RetryOptions options{.attempts = 5, .first_delay = 1s, .longest_delay = 5s};
  EXPECT_EQ(Retry(options).nominal_delays(), (Delays{1s, 2s, 4s, 5s}));
  options.jitter = Jitter::kDecorrelated;
  EXPECT_EQ(nominal_delays(options), (Delays{1s, 2s, 3500ms, 5s}));
  EXPECT_EQ(nominal_delays({.attempts = 1}), Delays{});
}

TEST_F(RetryTest, JitterIsDrawnAnewForEachDelayAndTheSeedRepeatsIt) {
  RetryOptions options = plain(6);
  options.jitter = Jitter::kFull;
  options.seed = 11;
  ManualRetry one = make(options), other = make(options);
  call(one, 100);
  auto first = std::exchange(slept_, {});
  call(other, 100);
  EXPECT_EQ(first, slept_);
  for (size_t i = 1; i < first.size(); ++i) EXPECT_NE(first[i], first[i - 1] * 2);
}

TEST_F(RetryTest, B70_TheBudgetBoundsTheAttemptsAndFillsAgain) {
  RetryOptions options{.attempts = 5, .first_delay = 0s, .budget_ratio = 0.2, .budget_per_second = 3};
  ManualRetry retry = make(options);
  constexpr int kCalls = 6000, kPerSecond = 100;  // ten milliseconds apart
  int attempts = 0;
  for (int i = 0; i < kCalls; ++i) {
    call(retry, 100);
    attempts += called_;
    clock_.advance(10ms);
  }
  double saved_up = 3.0 / kCalls;  // one second's worth at the start
  EXPECT_LE(attempts * 1.0 / kCalls, 1 + 0.2 + 3.0 / kPerSecond + saved_up);
  EXPECT_GE(attempts * 1.0 / kCalls, 0.99 * (1 + 0.2 + 3.0 / kPerSecond));
  EXPECT_EQ(retry.counts().retries, static_cast<uint64_t>(attempts - kCalls));
  EXPECT_GT(retry.counts().over_budget, 0u);

  options.budget_per_second = 0;
  ManualRetry by_calls = make(options);
  EXPECT_FALSE(call(by_calls, 1));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(call(by_calls, 0));
  EXPECT_TRUE(call(by_calls, 1));  // good calls have earned this retry
  EXPECT_LT(by_calls.budget(), 1);
}

TEST_F(RetryTest, TheBudgetKeepsTenSecondsWorthAtMost) {
  RetryBudget budget(0, 3, clock_.now());
  EXPECT_EQ(budget.tokens(), 3);
  clock_.advance(1h);
  int spent = 0;
  while (budget.spend(clock_.now())) ++spent;
  EXPECT_EQ(spent, 30);
}

TEST_F(RetryTest, TheBudgetFillsHoweverOftenItIsAsked) {
  RetryBudget budget(0, 0.1, clock_.now());
  int spent = 0;
  for (int i = 0; i < 2'200'000; ++i) {
    clock_.advance(5us);
    spent += budget.spend(clock_.now());
  }
  EXPECT_EQ(spent, 1);  // of 0.1 + 1.1
}

TEST_F(RetryTest, ThreadsNeverSpendMoreThanThereIs) {
  RetryBudget budget(0, 100, clock_.now());
  std::atomic<int> spent = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 500; ++j) spent += budget.spend(clock_.now());
      });
    }
  }
  EXPECT_EQ(spent, 100);
}

TEST_F(RetryTest, ItStopsAtTheFirstSuccessAndCounts) {
  ManualRetry retry = make(plain(3));
  EXPECT_TRUE(call(retry, 0));
  EXPECT_TRUE(call(retry, 2));
  EXPECT_FALSE(call(retry, 3));
  RetryCounts counts = retry.counts();
  EXPECT_EQ(std::tuple(counts.calls, counts.retries, counts.recovered, counts.exhausted), std::tuple(3u, 4u, 1u, 1u));
}

TEST_F(RetryTest, AnIgnoredOutcomeIsNotRetriedAndABadValueIs) {
  ManualRetry retry = make(plain(3));
  auto negative = [](const Result<int>& result) { return *result < 0 ? Outcome::kFailure : Outcome::kSuccess; };
  auto ignore = [](const Result<int>&) { return Outcome::kIgnored; };
  int made = 0;
  EXPECT_EQ(*Pipeline{retry.judged_by(negative)}.call([&] { return ++made < 3 ? -1 : 7; }), 7);
  EXPECT_EQ(made, 3);
  EXPECT_FALSE(Pipeline{retry.judged_by(ignore)}.call(failing(100)).has_value());
  EXPECT_EQ(called_, 1);
  auto cancelled = [&] { return ++made, Result<int>(Error{Error::Kind::kCancelled, {}, nullptr}); };
  EXPECT_FALSE(Pipeline{retry}.call(cancelled).has_value());
  EXPECT_EQ(made, 4);
}

TEST_F(RetryTest, ARetryThatCouldNotBeginInTimeIsNotWaitedFor) {
  ManualRetry retry = make(plain(5));
  TimeLimit limit(3s, clock_);
  EXPECT_FALSE(Pipeline(limit, retry).call(failing(100)).has_value());
  EXPECT_EQ(called_, 2);  // at 0 and 1 s; the third would be at 3 s
  EXPECT_EQ(slept_, std::vector<Duration>{1s});
}

TEST_F(RetryTest, ACoarseClockDoesNotTakeADeadlineThatPassesForOneAhead) {
  Retry retry({.first_delay = 20ms, .jitter = Jitter::kNone});
  Result<int> failed = Error{};
  for (int i = 0; i < 100; ++i) {
    Call call;
    call.deadline = SteadyClock::now() + 20ms;
    EXPECT_FALSE(retry.next_delay(failed, call, Duration(0), DefaultClassifier()).has_value());
  }
}

TEST_F(RetryTest, ABudgetIsNotChangedByATimeBeforeItsBirth) {
  RetryBudget budget(0, 3, clock_.now());
  for (Duration earlier : {Duration(1ns), Duration(1h)}) EXPECT_TRUE(budget.spend(clock_.now() - earlier));
  EXPECT_EQ(budget.tokens(), 1);
  clock_.advance(1s);
  EXPECT_TRUE(budget.spend(clock_.now()));
  EXPECT_EQ(budget.tokens(), 3);
}

TEST_F(RetryTest, ItWaitsAsLongAsTheCalleeAsksAndNotLongerThanTheLongestDelay) {
  ManualRetry retry = make(plain(4));
  std::vector<Duration> asked{10s, 500ms, 30s};
  size_t made = 0;
  auto busy = [&]() -> tl::expected<int, Busy> {
    if (made < asked.size()) return tl::unexpected(Busy{asked[made++]});
    return 42;
  };
  EXPECT_EQ(*Pipeline{retry}.call(busy), 42);
  EXPECT_EQ(slept_, (std::vector<Duration>{10s, 2s, 30s}));
  auto far_off = [&]() -> tl::expected<int, Busy> { return tl::unexpected(Busy{99s}); };
  EXPECT_FALSE(Pipeline{retry}.call(far_off));
  EXPECT_EQ(slept_.size(), 3u) << "later than longest_delay is not waited for";
}

TEST_F(RetryTest, ThoseWhoAreToldTheSameTimeDoNotComeBackAtOnce) {
  RetryOptions options{.attempts = 100, .jitter = Jitter::kFull, .budget_ratio = 0, .budget_per_second = 0, .seed = 1};
  ManualRetry retry = make(options);
  auto busy = [&]() -> tl::expected<int, Busy> { return tl::unexpected(Busy{10s}); };
  EXPECT_FALSE(Pipeline{retry}.call(busy));
  std::set<Duration> different(slept_.begin(), slept_.end());
  EXPECT_GT(different.size(), 90u);
  EXPECT_GE(*different.begin(), 10s);
}

TEST_F(RetryTest, ARefusalIsRetriedWhereAskedForAndNotTooEarly) {
  RetryOptions options = plain(3);
  options.retry_refused = true;
  ManualRetry retry = make(options);
  CircuitBreaker breaker({.open_for = 60s, .open_jitter = 0, .initial = State::kOpen},
                         clock_);  // longer than longest_delay
  EXPECT_EQ(*Pipeline(retry, breaker).call(failing(0)), 42);
  EXPECT_EQ(slept_, std::vector<Duration>{60s});
}

TEST_F(RetryTest, AFullBulkheadIsNotRetried) {
  ManualRetry retry = make(plain(3));
  Bulkhead bulkhead({.limit = 1});
  auto slot = bulkhead.acquire();
  EXPECT_FALSE(Pipeline(retry, bulkhead).call(failing(0)).has_value());
  EXPECT_EQ(bulkhead.refused(), 1u);
  EXPECT_TRUE(slept_.empty());
}

TEST_F(RetryTest, TheFunctionIsToldTheAttempt) {
  ManualRetry retry = make(plain(3));
  std::vector<uint32_t> attempts;
  auto told = [&](const Call& call) -> int {
    attempts.push_back(call.attempt);
    throw std::runtime_error("down");
  };
  EXPECT_FALSE(Pipeline{retry}.call(told).has_value());
  EXPECT_EQ(attempts, (std::vector<uint32_t>{1, 2, 3}));
}

TEST_F(RetryTest, ARetryInsideOfARetryCountsForItself) {
  for (uint32_t inner_attempts : {1u, 2u, 7u}) {
    ManualRetry outer = make(plain(3)), inner = make(plain(inner_attempts));
    called_ = 0;
    EXPECT_FALSE(Pipeline(outer, inner).call(failing(50)).has_value());
    EXPECT_EQ(called_, static_cast<int>(3 * inner_attempts));
  }
}

TEST_F(RetryTest, EachOptionOutOfRangeIsRefusedWithItsNameValueAndRange) {
  struct {
    std::function<void(RetryOptions&)> spoil;
    std::string sentence;
  } table[] = {
      {[](auto& o) { o.attempts = 0; }, "attempts is 0: it must be between 1 and 100"},
      {[](auto& o) { o.attempts = 101; }, "attempts is 101: it must be between 1 and 100"},
      {[](auto& o) { o.first_delay = -1ns; }, "first_delay is -1 ns: it must be between 0 and 1 day"},
      {[](auto& o) { o.first_delay = 25h; }, "first_delay is 90000000000000 ns: it must be between 0 and 1 day"},
      {[](auto& o) { o.growth = 0.5; }, "growth is 0.5: it must be between 1 and 10"},
      {[](auto& o) { o.growth = NAN; }, "growth is nan: it must be between 1 and 10"},
      {[](auto& o) { o.longest_delay = 999ms; },
       "longest_delay is 999000000 ns: it must be between first_delay and 1 day"},
      {[](auto& o) { o.longest_delay = 25h; },
       "longest_delay is 90000000000000 ns: it must be between first_delay and 1 day"},
      {[](auto& o) { o.budget_ratio = -1; }, "budget_ratio is -1: it must be between 0 and 10"},
      {[](auto& o) { o.budget_ratio = 11; }, "budget_ratio is 11: it must be between 0 and 10"},
      {[](auto& o) { o.budget_per_second = -1; }, "budget_per_second is -1: it must be between 0 and 1000"},
      {[](auto& o) { o.budget_per_second = 1001; }, "budget_per_second is 1001: it must be between 0 and 1000"},
  };
  EXPECT_EQ(check(RetryOptions()), "");
  for (const auto& bad : table) {
    RetryOptions options;
    bad.spoil(options);
    EXPECT_EQ(check(options), bad.sentence);
    try {
      Retry retry(options);
      ADD_FAILURE() << bad.sentence;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(), "retry: " + bad.sentence);
    }
  }
}

}  // namespace
}  // namespace ordeal::resilience
