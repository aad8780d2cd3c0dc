// Reports with a time that is not the breaker's: a tick older than its birth, an hour behind, an hour ahead. Whatever
// it is, a result counts, and what it brings about lasts as long as the options say.
#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;
using O = CircuitBreakerOptions;
using Cause = Event::Cause;

constexpr Duration kOffsets[] = {-1ns, -4ms, -11s, -1h, -25h, 0ns, 1ns, 4ms};

struct Rule {
  const char* name;
  O options;
  Cause cause;
};

// Each trips at the third failure.
std::vector<Rule> rules() {
  O rate{.minimum_calls = 3}, calls{.kind = O::Window::kCalls, .last_calls = 4, .minimum_calls = 3};
  O row{.failures_in_a_row = 3, .rates = false}, started{.minimum_calls = 3, .count_started = true};
  O timed{.slow_after = 1h, .minimum_calls = 3}, day{.window = 24h, .buckets = 1, .minimum_calls = 3};
  return {{"rate", rate, Cause::kFailureRate},   {"calls", calls, Cause::kFailureRate},
          {"row", row, Cause::kFailuresInARow},  {"started", started, Cause::kFailureRate},
          {"timed", timed, Cause::kFailureRate}, {"a day", day, Cause::kFailureRate}};
}

class ReportTimes : public BreakerTest {
 protected:
  void make_plain(O options) {
    options.open_for = 10s;
    options.open_jitter = 0;
    make(options);
  }
  void report_at(Duration offset, Outcome outcome) {
    auto permit = breaker_->try_acquire();
    ASSERT_TRUE(permit);
    permit.record(outcome, clock_.now() + offset);
  }
  // Open since now, for as long as it says, and not a moment longer.
  void expect_open_for(Duration period) {
    ASSERT_EQ(state(), State::kOpen);
    EXPECT_EQ(breaker_->retry_after(), period);
    clock_.advance(period - 1ns);
    EXPECT_FALSE(breaker_->try_acquire());
    clock_.advance(1ns);
    EXPECT_TRUE(breaker_->try_acquire());
  }
};

TEST_F(ReportTimes, OfAFailureDoNotChangeThatItCountsByAnyRule) {
  for (const Rule& rule : rules()) {
    for (Duration offset : kOffsets) {
      SCOPED_TRACE(rule.name + std::to_string(offset.count()));
      events_.clear();
      make_plain(rule.options);
      for (int i = 0; i < 2; ++i) report_at(offset, Outcome::kFailure);
      EXPECT_EQ(state(), State::kClosed);
      report_at(offset, Outcome::kTimeout);
      ASSERT_EQ(events_.size(), 1u);
      EXPECT_EQ(events_[0].cause, rule.cause);
      EXPECT_EQ(events_[0].window.failed, 3u);
      EXPECT_EQ(snapshot().late, 0u);
      expect_open_for(10s + std::max(offset, Duration(0)));
    }
  }
}

TEST_F(ReportTimes, OfASuccessThatMeetsTheMinimumDoNotShortenTheOpenPeriod) {
  for (Duration offset : kOffsets) {
    make_plain({.minimum_calls = 4});
    for (int i = 0; i < 3; ++i) report_at(offset, Outcome::kFailure);
    EXPECT_EQ(state(), State::kClosed);
    report_at(offset, Outcome::kSuccess);
    expect_open_for(10s + std::max(offset, Duration(0)));
  }
}

TEST_F(ReportTimes, OfAProbeDoNotChangeThatItCounts) {
  for (Duration offset : kOffsets) {
    make_half_open(brittle());
    report_at(offset, Outcome::kFailure);
    expect_open_for(10s + std::max(offset, Duration(0)));
    make_half_open(brittle());
    report_at(offset, Outcome::kSuccess);
    EXPECT_EQ(state(), State::kClosed);
  }
}

TEST_F(ReportTimes, CountAsSoonAsTheWarmUpIsOverAndNotBefore) {
  for (Duration offset : {Duration(-1ns), Duration(-1h), Duration(0)}) {
    make_plain({.minimum_calls = 1, .warm_up = 5s});
    clock_.advance(5s - 1ns);
    report_at(offset, Outcome::kFailure);
    EXPECT_EQ(state(), State::kClosed);
    clock_.advance(1ns);
    report_at(offset, Outcome::kFailure);
    EXPECT_EQ(state(), State::kOpen);
  }
}

TEST_F(ReportTimes, AreToldOnceWhereItOnlyMeasures) {
  for (Duration offset : kOffsets) {
    events_.clear();
    make({.minimum_calls = 1, .initial = State::kMetricsOnly});
    report_at(offset, Outcome::kFailure);
    ASSERT_EQ(events_.size(), 1u);
    EXPECT_EQ(events_[0].kind, Event::Kind::kThresholdExceeded);
  }
}

TEST_F(ReportTimes, ThatWereFarAheadDoNotHideLaterFailures) {
  for (const Rule& rule : rules()) {
    make_plain(rule.options);
    report_at(100h, Outcome::kSuccess);
    report_at(100h, Outcome::kIgnored);
    for (int i = 0; i < 3 && state() == State::kClosed; ++i) report_at(0ns, Outcome::kFailure);
    EXPECT_EQ(state(), State::kOpen) << rule.name;
    expect_open_for(10s);
  }
}

// As threads whose reading of the clock was overtaken by the making of the breaker.
TEST_F(ReportTimes, OfAdmissionsBeforeItsBirthAreAdmittedAndCount) {
  TimePoint before = clock_.now() - 1h;
  make_plain({.minimum_calls = 1});
  auto permit = breaker_->try_acquire(before);
  ASSERT_TRUE(permit);
  permit.record(Outcome::kFailure, before);
  expect_open_for(10s);
}

TEST_F(ReportTimes, OfAProbesAdmissionDoNotShortenTheWaitForIt) {
  O options = brittle();
  options.probe_wait = 30s;
  make_half_open(options);
  auto probe = breaker_->try_acquire(clock_.now() - 1h);
  ASSERT_TRUE(probe);
  EXPECT_EQ(breaker_->retry_after(), 30s);
  clock_.advance(29s);
  breaker_->poll();
  probe.success();
  EXPECT_EQ(state(), State::kClosed);
}

// The caller's times say how long the call took, not when it is reported.
TEST_F(ReportTimes, OfBothEndsSayWhetherACallWasSlow) {
  O options{.slow_percent = 100, .slow_after = 2s, .minimum_calls = 1};
  for (TimePoint start : {TimePoint(), TimePoint(1h), TimePoint(-1h)}) {
    clock_ = ManualClock(start);
    make(options);
    auto fast = breaker_->try_acquire(start), slow = breaker_->try_acquire(start);
    clock_.advance(1min);
    fast.record(Outcome::kSuccess, start + 2s - 1ns);
    EXPECT_EQ(snapshot().slow, 0u);
    slow.record(Outcome::kSuccess, start + 2s);
    EXPECT_EQ(snapshot().slow, 1u);
  }
}

TEST(BreakerOfACoarseClock, OpensAtTheVeryFailureWhoseTimeIsATickOlderThanItself) {
  for (Duration older : {Duration(1ns), Duration(10ms)}) {
    TimePoint before = CoarseClock::now() - older;
    CircuitBreaker breaker({.minimum_calls = 1});
    auto permit = breaker.try_acquire(before);
    permit.record(Outcome::kFailure, before);
    EXPECT_EQ(breaker.state(), State::kOpen);
  }
}

}  // namespace
}  // namespace ordeal::resilience
