// Construction and options, calls through the breaker, what counts as what, and the events. The states have files of
// their own: breaker_*_test.cc.
#include "ordeal/resilience/circuit_breaker.h"

#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using Construction = BreakerTest;
using CallThrough = BreakerTest;
using Classification = BreakerTest;
using Events = BreakerTest;
using O = CircuitBreakerOptions;

// ---- Construction and options ----

TEST_F(Construction, B1_EveryOptionHasTheDocumentedDefaultAndZeroIsNotUnset) {
  O o = Breaker({}, clock_).options();
  EXPECT_EQ(o.kind, O::Window::kTime);
  EXPECT_EQ(std::tuple(o.window, o.buckets, o.last_calls), std::tuple(10s, 10u, 100u));
  EXPECT_EQ(std::tuple(o.failure_percent, o.comparison), std::tuple(50.0, O::Comparison::kAtLeast));
  EXPECT_EQ(std::tuple(o.slow_percent, o.slow_after), std::tuple(100.0, 0ns));
  EXPECT_EQ(std::tuple(o.minimum_calls, o.failures_in_a_row, o.rates), std::tuple(20u, 0u, true));
  EXPECT_EQ(std::tuple(o.count_started, o.warm_up), std::tuple(false, 0ns));
  EXPECT_EQ(std::tuple(o.open_for, o.open_growth, o.open_longest, o.open_jitter), std::tuple(30s, 1.0, 5min, 0.1));
  EXPECT_EQ(o.half_open_rule, O::HalfOpenRule::kFirstFailure);
  EXPECT_EQ(std::tuple(o.probes, o.successes, o.probe_wait), std::tuple(1u, 0u, 30s));
  EXPECT_EQ(std::tuple(o.after_probe_wait, o.ramp_up), std::tuple(State::kOpen, 0ns));
  EXPECT_EQ(std::tuple(o.abandoned, o.shards, o.initial), std::tuple(Outcome::kIgnored, 4u, State::kClosed));
  make({.minimum_calls = 0, .open_jitter = 0});
  fail();
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_->retry_after(), 30s);
}

struct BadOption {
  std::function<void(O&)> spoil;
  std::string sentence;
};

const std::vector<BadOption>& bad_options() {
  static const std::vector<BadOption> table = {
      {[](O& o) { o.window = 999us; }, "window is 999000 ns: it must be between 1 ms and 1 day"},
      {[](O& o) { o.window = 24h + 1ns; }, "window is 86400000000001 ns: it must be between 1 ms and 1 day"},
      {[](O& o) { o.buckets = 0; }, "buckets is 0: it must be between 1 and 1000"},
      {[](O& o) { o.buckets = 1001; }, "buckets is 1001: it must be between 1 and 1000"},
      {[](O& o) { o.last_calls = 0; }, "last_calls is 0: it must be between 1 and 1000000"},
      {[](O& o) { o.last_calls = 1'000'001; }, "last_calls is 1000001: it must be between 1 and 1000000"},
      {[](O& o) { o.failure_percent = 0; }, "failure_percent is 0: it must be above 0 and at most 100"},
      {[](O& o) { o.failure_percent = 100.5; }, "failure_percent is 100.5: it must be above 0 and at most 100"},
      {[](O& o) { o.failure_percent = NAN; }, "failure_percent is nan: it must be above 0 and at most 100"},
      {[](O& o) { o.slow_percent = -1; }, "slow_percent is -1: it must be above 0 and at most 100"},
      {[](O& o) { o.slow_percent = 101; }, "slow_percent is 101: it must be above 0 and at most 100"},
      {[](O& o) { o.slow_after = 999ns; }, "slow_after is 999 ns: it must be 0, or between 1 us and 1 day"},
      {[](O& o) { o.slow_after = -1s; }, "slow_after is -1000000000 ns: it must be 0, or between 1 us and 1 day"},
      {[](O& o) { o.kind = O::Window::kCalls, o.last_calls = 19; },
       "minimum_calls is 20: it must be at most last_calls, or it could never trip"},
      {[](O& o) { o.rates = false; },
       "failures_in_a_row is 0: it must be above 0 when rates is false, or it could never trip"},
      {[](O& o) { o.failure_percent = 100, o.comparison = O::Comparison::kAbove; },
       "failure_percent is 100 with kAbove: it must be below 100, or it could never trip"},
      {[](O& o) { o.minimum_calls = UINT64_MAX; },
       "minimum_calls is 1.84467441e+19: it must be at most 1000000000, or it could never trip"},
      {[](O& o) { o.failures_in_a_row = 2'000'000'000; },
       "failures_in_a_row is 2e+09: it must be at most 1000000000, or it could never trip"},
      {[](O& o) { o.warm_up = -1ns; }, "warm_up is -1 ns: it must be between 0 and 1 day"},
      {[](O& o) { o.warm_up = 25h; }, "warm_up is 90000000000000 ns: it must be between 0 and 1 day"},
      {[](O& o) { o.open_for = 0s; }, "open_for is 0 ns: it must be at least 1 ms"},
      {[](O& o) { o.open_growth = 0.9; }, "open_growth is 0.9: it must be between 1 and 10"},
      {[](O& o) { o.open_growth = 10.5; }, "open_growth is 10.5: it must be between 1 and 10"},
      {[](O& o) { o.open_growth = 2, o.open_longest = 29s; },
       "open_longest is 29000000000 ns: it must be at least open_for"},
      {[](O& o) { o.open_jitter = -0.1; }, "open_jitter is -0.1: it must be between 0 and 1"},
      {[](O& o) { o.open_jitter = 1.5; }, "open_jitter is 1.5: it must be between 0 and 1"},
      {[](O& o) { o.probes = 0; }, "probes is 0: it must be between 1 and 1000"},
      {[](O& o) { o.probes = 1001; }, "probes is 1001: it must be between 1 and 1000"},
      {[](O& o) { o.successes = 1001; }, "successes is 1001: it must be between 0 and 1000"},
      {[](O& o) { o.half_open_rule = O::HalfOpenRule::kRate, o.rates = false, o.failures_in_a_row = 5; },
       "half_open_rule is kRate: it must be kFirstFailure where no failure rate can be broken, or it would always "
       "close"},
      {[](O& o) { o.probe_wait = 0s; }, "probe_wait is 0 ns: it must be between 1 ms and 1 day"},
      {[](O& o) { o.probe_wait = 25h; }, "probe_wait is 90000000000000 ns: it must be between 1 ms and 1 day"},
      {[](O& o) { o.after_probe_wait = State::kHalfOpen; }, "after_probe_wait is half-open: it must be open or closed"},
      {[](O& o) { o.ramp_up = -1s; }, "ramp_up is -1000000000 ns: it must be between 0 and 1 day"},
      {[](O& o) { o.ramp_up = 25h; }, "ramp_up is 90000000000000 ns: it must be between 0 and 1 day"},
      {[](O& o) { o.shards = 3; }, "shards is 3: it must be a power of two between 1 and 64"},
      {[](O& o) { o.shards = 0; }, "shards is 0: it must be a power of two between 1 and 64"},
      {[](O& o) { o.shards = 128; }, "shards is 128: it must be a power of two between 1 and 64"},
      {[](O& o) { o.initial = State::kHalfOpen; },
       "initial is half-open: it must be closed, open, forced-open, disabled or metrics-only"},
      {[](O& o) { o.initial = State::kShutDown; },
       "initial is shut down: it must be closed, open, forced-open, disabled or metrics-only"},
  };
  return table;
}

std::string what_the_constructor_throws(const O& options) {
  try {
    CircuitBreaker breaker(options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST_F(Construction, B2_EachOptionOutOfRangeIsRefusedWithItsNameValueAndRange) {
  EXPECT_EQ(check(O()), "");
  for (const BadOption& bad : bad_options()) {
    O options{.name = "stripe"};
    bad.spoil(options);
    EXPECT_EQ(check(options), bad.sentence);
    EXPECT_EQ(what_the_constructor_throws(options), "circuit breaker stripe: " + bad.sentence);
    std::string error;
    EXPECT_EQ(Breaker::create(options, error, clock_), nullptr);
    EXPECT_EQ(error, bad.sentence);
  }
}

TEST_F(Construction, TheEndsOfEachRangeAreInIt) {
  O least{.window = 1ms,
          .buckets = 1,
          .last_calls = 1,
          .failure_percent = 0.001,
          .slow_percent = 0.001,
          .slow_after = 1us,
          .minimum_calls = 0,
          .open_for = 1ms,
          .open_jitter = 0,
          .probe_wait = 1ms,
          .shards = 1};
  O most{.window = 24h,
         .buckets = 1000,
         .last_calls = 1'000'000,
         .failure_percent = 100,
         .slow_percent = 100,
         .slow_after = 24h,
         .warm_up = 24h,
         .open_for = Duration::max(),
         .open_growth = 10,
         .open_longest = Duration::max(),
         .open_jitter = 1,
         .probes = 1000,
         .successes = 1000,
         .probe_wait = 24h,
         .ramp_up = 24h,
         .shards = 64};
  EXPECT_EQ(check(least), "");
  EXPECT_EQ(check(most), "");
}

TEST_F(Construction, B3_ABreakerHasANameAndAnUnnamedOneAUniqueOne) {
  Breaker named({.name = "stripe"}, clock_), one({}, clock_), other({}, clock_);
  EXPECT_EQ(named.name(), "stripe");
  EXPECT_EQ(named.service(), "stripe");
  EXPECT_EQ(Breaker({.name = "stripe", .service = "payments"}, clock_).service(), "payments");
  EXPECT_FALSE(one.name().empty());
  EXPECT_NE(one.name(), other.name());
}

TEST_F(Construction, B4_OptionsChangeAtRunTimeFromTheNextCallOn) {
  make({.failures_in_a_row = 3, .rates = false, .open_jitter = 0});
  fail(2);
  EXPECT_EQ(breaker_->change({.failures_in_a_row = 4, .rates = false, .open_for = 5s, .open_jitter = 0}), "");
  fail();
  EXPECT_EQ(state(), State::kClosed);
  fail();
  EXPECT_EQ(breaker_->retry_after(), 5s);
  EXPECT_EQ(breaker_->change({.probes = 0}), "probes is 0: it must be between 1 and 1000");
  EXPECT_EQ(breaker_->change({.shards = 8}), "shards is fixed at construction");
  EXPECT_EQ(breaker_->options().failures_in_a_row, 4u);
}

TEST_F(Construction, ACallUnderWayIsNotSlowWhenSlowCallsBeginToCount) {
  make({.minimum_calls = 1});
  auto permit = breaker_->try_acquire();
  EXPECT_EQ(breaker_->change({.slow_after = 1s, .minimum_calls = 1}), "");
  permit.success();
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(snapshot().slow, 0u);
}

TEST_F(Construction, ChangedOptionsKeepNamesAndListener) {
  make({.name = "stripe", .minimum_calls = 1});
  EXPECT_EQ(breaker_->change({.name = "other", .minimum_calls = 1, .on_event = [](const Event&) { FAIL(); }}), "");
  fail();
  EXPECT_EQ(breaker_->name(), "stripe");
  EXPECT_EQ(breaker_->options().name, "stripe");
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(Construction, B5_TheInitialStateIsChosen) {
  for (State initial : {State::kClosed, State::kOpen, State::kForcedOpen, State::kDisabled, State::kMetricsOnly}) {
    make({.open_for = 10s, .open_jitter = 0, .initial = initial});
    EXPECT_EQ(state(), initial);
    bool passes = initial != State::kOpen && initial != State::kForcedOpen;
    EXPECT_EQ(call(Outcome::kSuccess), passes) << to_text(initial);
    clock_.advance(10s);
    EXPECT_EQ(call(Outcome::kSuccess), initial != State::kForcedOpen) << to_text(initial);
  }
}

// There is no shared storage here: the nearest are a second user of one breaker, and new options.
TEST_F(Construction, B6_ASecondHandleOrNewOptionsDoNotResetTheCounters) {
  make({.failures_in_a_row = 3, .rates = false, .open_jitter = 0});
  fail(2);
  Breaker* second = breaker_.get();
  EXPECT_EQ(second->change({.failures_in_a_row = 3, .rates = false, .open_for = 20s, .open_jitter = 0}), "");
  EXPECT_EQ(second->snapshot().failures_in_a_row, 2u);
  EXPECT_EQ(second->snapshot().window.failed, 2u);
  second->try_acquire().failure();
  TimePoint opened = snapshot().since;
  clock_.advance(7s);
  EXPECT_EQ(second->change({.failures_in_a_row = 3, .rates = false, .open_for = 99s, .open_jitter = 0}), "");
  EXPECT_EQ(snapshot().since, opened);
  EXPECT_EQ(breaker_->retry_after(), 13s);
}

TEST(Gauge, IsZeroHalfOrOne) {
  EXPECT_EQ(gauge_value(State::kClosed), 0);
  EXPECT_EQ(gauge_value(State::kHalfOpen), 0.5);
  EXPECT_EQ(gauge_value(State::kOpen), 1);
  EXPECT_EQ(gauge_value(State::kForcedOpen), 1);
  EXPECT_EQ(gauge_value(State::kDisabled), 0);
  EXPECT_EQ(gauge_value(State::kMetricsOnly), 0);
  EXPECT_EQ(gauge_value(State::kShutDown), 1);
}

// ---- Calls ----

TEST_F(CallThrough, B7_ASuccessLeavesItClosedAndPassesTheResultThrough) {
  make(brittle());
  auto result = breaker_->call([] { return std::make_unique<int>(42); });
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(**result, 42);
  EXPECT_TRUE(breaker_->call([] {}).has_value());
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(snapshot().succeeded, 2u);
  EXPECT_TRUE(events_.empty());
}

TEST_F(CallThrough, B8_WhatTheFunctionCapturedReachesItUnchanged) {
  make(brittle());
  std::string text = "left";
  struct Client {
    std::string prefix;
    std::string get(std::string& argument) { return prefix + std::exchange(argument, "right"); }
  } client{"was "};
  EXPECT_EQ(*breaker_->call([&] { return client.get(text); }), "was left");
  EXPECT_EQ(text, "right");
}

TEST_F(CallThrough, APermitReportsOnceAlsoWhenMoved) {
  make({});
  auto first = breaker_->try_acquire();
  auto second = std::move(first);
  first.failure();  // NOLINT(bugprone-use-after-move): what a permit promises
  second.success();
  second.failure();
  second = breaker_->try_acquire();
  second.timeout();
  EXPECT_EQ(snapshot().succeeded, 1u);
  EXPECT_EQ(snapshot().failed, 1u);
  EXPECT_EQ(snapshot().timed_out, 1u);
  EXPECT_EQ(snapshot().abandoned, 0u);
}

TEST_F(CallThrough, APermitThatIsAssignedOverIsAbandoned) {
  make({});
  auto permit = breaker_->try_acquire();
  permit = breaker_->try_acquire();
  EXPECT_EQ(snapshot().abandoned, 1u);
  permit.success();
  EXPECT_EQ(snapshot().succeeded, 1u);
}

// ---- What counts as what ----

struct Status {
  int code;
};

// A server's error and a refused connection are the callee's; what is wrong with the request is not.
struct HttpClassifier {
  Outcome operator()(const Result<Status>& result) const {
    if (result) return (*result).code >= 500 ? Outcome::kFailure : Outcome::kSuccess;
    try {
      std::rethrow_exception(result.error().exception);
    } catch (const std::invalid_argument&) {
      return Outcome::kIgnored;
    } catch (...) {
      return Outcome::kFailure;
    }
  }
};

TEST_F(Classification, B59_APredicateSeesValueAndExceptionAndItsWordIsFinal) {
  make({});
  Pipeline pipeline{breaker_->judged_by(HttpClassifier())};
  EXPECT_EQ((*pipeline.call([] { return Status{503}; })).code, 503);
  EXPECT_EQ((*pipeline.call([] { return Status{404}; })).code, 404);
  EXPECT_FALSE(pipeline.call([]() -> Status { throw std::runtime_error("refused"); }).has_value());
  EXPECT_FALSE(pipeline.call([]() -> Status { throw std::invalid_argument("amount"); }).has_value());
  EXPECT_EQ(snapshot().failed, 2u);
  EXPECT_EQ(snapshot().succeeded, 1u);
  EXPECT_EQ(snapshot().ignored, 1u);
}

TEST_F(Classification, B60_IgnoredIsNeitherWhileABadResultMayBeCalledASuccess) {
  make({.failures_in_a_row = 2, .rates = false});
  auto throws = []() -> int { throw std::runtime_error("business rule"); };
  auto judge = [&](Outcome outcome) { return breaker_->judged_by([=](const Result<int>&) { return outcome; }); };
  fail();
  EXPECT_FALSE(Pipeline{judge(Outcome::kIgnored)}.call(throws).has_value());
  EXPECT_EQ(snapshot().failures_in_a_row, 1u);
  EXPECT_EQ(window().calls(), 1u);
  EXPECT_FALSE(Pipeline{judge(Outcome::kSuccess)}.call(throws).has_value());
  EXPECT_EQ(snapshot().failures_in_a_row, 0u);
  EXPECT_EQ(window().succeeded, 1u);
}

// There is no list of types here: a predicate catches a base class, and may look at values too.
TEST_F(Classification, B61_ASubclassMatchesItsBase) {
  struct BadAmount : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
  };
  make({});
  Pipeline pipeline{breaker_->judged_by(HttpClassifier())};
  EXPECT_FALSE(pipeline.call([]() -> Status { throw BadAmount("-1"); }).has_value());
  EXPECT_EQ((*pipeline.call([] { return Status{500}; })).code, 500);
  EXPECT_EQ(snapshot().ignored, 1u);
  EXPECT_EQ(snapshot().failed, 1u);
}

// Nothing is unwrapped here: the exception comes whole, so that a predicate can look into it.
TEST_F(Classification, B62_APredicateCanLookIntoANestedException) {
  make({});
  auto by_cause = [](const Result<int>& result) {
    try {
      std::rethrow_exception(result.error().exception);
    } catch (const std::nested_exception& outer) {
      return outer.nested_ptr() != nullptr ? Outcome::kIgnored : Outcome::kFailure;
    } catch (...) {
      return Outcome::kFailure;
    }
  };
  auto wrapped = []() -> int {
    try {
      throw std::invalid_argument("amount");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("in the client"));
    }
  };
  EXPECT_FALSE(Pipeline{breaker_->judged_by(by_cause)}.call(wrapped).has_value());
  EXPECT_EQ(snapshot().ignored, 1u);
}

TEST_F(Classification, B63_AThrowingPredicateOrListenerCannotCorruptIt) {
  O options = brittle();
  options.on_event = [](const Event&) { throw std::runtime_error("listener"); };
  Breaker breaker(options, clock_);
  auto throws = [](const Result<int>&) -> Outcome { throw std::runtime_error("predicate"); };
  EXPECT_EQ(*Pipeline{breaker.judged_by(throws)}.call([] { return 1; }), 1);
  EXPECT_EQ(breaker.snapshot().failed, 1u);
  EXPECT_EQ(breaker.state(), State::kOpen);
  clock_.advance(10s);
  EXPECT_EQ(*breaker.call([] { return 7; }), 7);  // the listener throws twice more
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_EQ(breaker.snapshot().listener_errors, 3u);
}

TEST_F(Classification, AnExceptionThatPassesByCountsAsAFailure) {
  make(brittle());
  auto throws = []() -> Result<int> { throw std::runtime_error("own result type"); };
  EXPECT_THROW((void)breaker_->call(throws), std::runtime_error);
  EXPECT_EQ(state(), State::kOpen);
}

// ---- Events ----

TEST_F(Events, B72_EachTransitionIsToldOnceWithItsFactsOutsideTheLock) {
  O options = brittle();
  std::vector<State> seen;
  options.on_event = [&](const Event& event) {
    events_.push_back(event);
    // Under the lock, each of these would wait for ever.
    seen.push_back(breaker_->snapshot().state);
    breaker_->poll();
  };
  breaker_ = std::make_unique<Breaker>(options, clock_);
  succeed();
  fail();
  TimePoint opened = clock_.now();
  clock_.advance(10s);
  succeed();
  ASSERT_EQ(events_.size(), 3u);
  EXPECT_EQ(seen[0], State::kOpen);
  EXPECT_EQ(seen[2], State::kClosed);
  EXPECT_EQ(std::tuple(events_[0].from, events_[0].to), std::tuple(State::kClosed, State::kOpen));
  EXPECT_EQ(events_[0].cause, Event::Cause::kFailureRate);
  EXPECT_EQ(events_[0].at, opened);
  EXPECT_EQ(std::tuple(events_[0].window.succeeded, events_[0].window.failed), std::tuple(1u, 1u));
  EXPECT_EQ(events_[1].cause, Event::Cause::kOpenElapsed);
  EXPECT_EQ(events_[1].at, opened + 10s);
  EXPECT_EQ(events_[2].cause, Event::Cause::kProbesSucceeded);
  EXPECT_EQ(events_[2].window.succeeded, 1u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(events_[i].number, i + 1);
}

TEST_F(Events, TransitionsAreCountedByPair) {
  make_half_open(brittle());
  fail();
  clock_.advance(10s);
  succeed();
  std::vector<std::tuple<State, State, uint64_t>> counts;
  for (const TransitionCount& each : snapshot().transitions) counts.emplace_back(each.from, each.to, each.count);
  EXPECT_EQ(counts, (decltype(counts){{State::kClosed, State::kOpen, 1},
                                      {State::kOpen, State::kHalfOpen, 2},
                                      {State::kHalfOpen, State::kOpen, 1},
                                      {State::kHalfOpen, State::kClosed, 1}}));
}

TEST_F(Events, AListenerMayMoveTheBreaker) {
  O options = brittle();
  options.on_event = [&](const Event& event) {
    events_.push_back(event);
    if (event.to == State::kOpen) breaker_->force_open();
  };
  breaker_ = std::make_unique<Breaker>(options, clock_);
  fail();
  EXPECT_EQ(state(), State::kForcedOpen);
  EXPECT_EQ(transitions(), (Pairs{{State::kClosed, State::kOpen}, {State::kOpen, State::kForcedOpen}}));
}

}  // namespace
}  // namespace ordeal::resilience
