// The half-open state: when it begins, how many calls it admits, what ends it, and what follows.
#include <atomic>
#include <initializer_list>
#include <latch>

#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using O = CircuitBreakerOptions;
using Reason = Refusal::Reason;

class HalfOpen : public BreakerTest {
 protected:
  static O probing(uint32_t probes, uint32_t successes = 0) {
    O options = brittle();
    options.probes = probes;
    options.successes = successes;
    return options;
  }
  static O by_rate(uint32_t probes, double percent) {
    O options = probing(probes);
    options.half_open_rule = O::HalfOpenRule::kRate;
    options.failure_percent = percent;
    return options;
  }
  // So many calls of so many threads that arrive when the open period is over; none ends before all have arrived.
  void expect_admitted(uint32_t probes, uint32_t threads) {
    make_open(probing(probes));
    clock_.advance(10s);
    std::atomic<uint32_t> passed = 0;
    std::latch all(threads);
    run_together(static_cast<int>(threads), [&](int) {
      auto permit = breaker_->try_acquire();
      passed += static_cast<bool>(permit);
      all.arrive_and_wait();
      if (permit) permit.ignore();
    });
    ASSERT_EQ(passed, probes);
    ASSERT_EQ(snapshot().refused + snapshot().refused_half_open, threads - probes);
    ASSERT_EQ(state(), State::kHalfOpen);
  }
  // How many of `count` calls pass, each a success.
  int admitted(int count) {
    int passed = 0;
    for (int i = 0; i < count; ++i) passed += call(Outcome::kSuccess);
    return passed;
  }
};

TEST_F(HalfOpen, B39_ItBeginsWhenTheOpenPeriodHasPassedByACallOrByPoll) {
  make_open(brittle());
  clock_.advance(10s - 1ns);
  EXPECT_FALSE(call(Outcome::kSuccess));
  breaker_->poll();
  EXPECT_EQ(state(), State::kOpen);
  clock_.advance(1ns);
  EXPECT_EQ(state(), State::kOpen);
  auto probe = breaker_->try_acquire();
  EXPECT_TRUE(probe);
  EXPECT_EQ(state(), State::kHalfOpen);
  probe.failure();
  clock_.advance(10s);
  breaker_->poll();
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
}

TEST_F(HalfOpen, B40_AMoveByHandEndsThePendingTransition) {
  for (State by_hand : {State::kForcedOpen, State::kDisabled, State::kMetricsOnly, State::kClosed, State::kShutDown}) {
    make_open(brittle());
    EXPECT_TRUE(breaker_->move_to(by_hand));
    clock_.advance(1h);
    breaker_->poll();
    (void)call(Outcome::kIgnored);
    EXPECT_EQ(state(), by_hand);
  }
}

TEST_F(HalfOpen, B41_ExactlyKCallsAreAdmittedAlsoWhenAHundredThreadsArriveAtOnce) {
  for (int round = 0; round < 10; ++round) expect_admitted(3, 100);
  for (int round = 0; round < 2000; ++round) expect_admitted(1, 3);
}

TEST_F(HalfOpen, B42_TheOthersAreRefusedAsSuchAndTakeNothing) {
  make_half_open(probing(2));
  auto probes = acquire(2);
  for (int i = 0; i < 10; ++i) {
    auto refused = breaker_->try_acquire();
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.refusal().reason, Reason::kHalfOpenFull);
    EXPECT_EQ(refused.refusal().retry_after, 0s);
  }
  EXPECT_EQ(snapshot().refused_half_open, 10u);
  EXPECT_EQ(snapshot().refused, 0u);
  for (auto& probe : probes) probe.success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B43_KSuccessesCloseAndTheirNumberIsConfigurable) {
  make_half_open(probing(3));
  succeed(2);
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
  make_half_open(probing(1, 4));
  succeed(3);
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
  make_half_open(probing(5, 2));
  auto probes = acquire(5);
  EXPECT_TRUE(probes[1]);
  EXPECT_FALSE(probes[2]);  // two are enough
  probes[0].success(), probes[1].success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B44_OneFailureOpensAgainOrTheRateDecides) {
  make_half_open(probing(3));
  auto probes = acquire(3);
  probes[0].failure();
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_->retry_after(), 10s);
  for (int failures : {1, 2}) {
    make_half_open(by_rate(4, 50));
    auto four = acquire(4);
    for (int i = 0; i < 3; ++i) i < failures ? four[i].failure() : four[i].success();
    EXPECT_EQ(state(), State::kHalfOpen);
    EXPECT_FALSE(breaker_->try_acquire());
    four[3].success();
    EXPECT_EQ(state(), failures == 1 ? State::kClosed : State::kOpen);
  }
}

TEST_F(HalfOpen, ASlowProbeIsNoSuccess) {
  O options = brittle();
  options.slow_after = 1s;
  make_half_open(options);
  EXPECT_TRUE(call(Outcome::kSuccess, 1s));
  EXPECT_EQ(state(), State::kOpen);
  options.half_open_rule = O::HalfOpenRule::kRate;
  options.probes = 2;
  make_half_open(options);
  auto probes = acquire(2);
  probes[0].success();
  clock_.advance(1s);
  probes[1].success();  // half of them slow; the limit is all
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B45_AFailureAfterSomeSuccessesStartsTheirCountAnew) {
  make_half_open(probing(1, 3));
  succeed(2);
  fail();
  clock_.advance(10s);
  succeed(2);
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B46_AnIgnoredProbeGivesItsPlaceBack) {
  for (const O& options : {probing(2), by_rate(2, 50)}) {
    make_half_open(options);
    for (int i = 0; i < 10; ++i) {
      auto probes = acquire(3);
      EXPECT_TRUE(probes[0] && probes[1] && !probes[2]);
      probes[0].ignore(), probes[1].ignore();
    }
    EXPECT_EQ(state(), State::kHalfOpen);
    succeed(2);
    EXPECT_EQ(state(), State::kClosed);
  }
}

TEST_F(HalfOpen, B47_ACancelledProbeGivesItsPlaceBackAndDoesNotClose) {
  make_half_open(brittle());
  auto cancelled = [] { return Result<int>(Error{Error::Kind::kCancelled, {}, nullptr}); };
  EXPECT_FALSE(breaker_->call(cancelled).has_value());
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_EQ(snapshot().ignored, 1u);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B48_AProbeThatNeverReportsIsGivenUpInFavourOfTheChosenState) {
  for (State next : {State::kOpen, State::kClosed}) {
    O options = brittle();
    options.probe_wait = 5s;
    options.after_probe_wait = next;
    make_half_open(options);
    auto hung = breaker_->try_acquire();
    clock_.advance(5s - 1ns);
    EXPECT_FALSE(call(Outcome::kSuccess));
    EXPECT_EQ(state(), State::kHalfOpen);
    clock_.advance(1ns);
    EXPECT_EQ(call(Outcome::kSuccess), next == State::kClosed);
    EXPECT_EQ(state(), next);
    EXPECT_EQ(events_.back().cause, Event::Cause::kProbesUnreported);
    EXPECT_EQ(breaker_->retry_after(), next == State::kOpen ? 10s : 0s);
    hung.failure();
    EXPECT_EQ(state(), next);
    EXPECT_EQ(snapshot().late, 1u);
  }
}

TEST_F(HalfOpen, WithoutAProbeItWaitsForOne) {
  make_half_open(brittle());
  breaker_->try_acquire().ignore();
  clock_.advance(1h);
  breaker_->poll();
  EXPECT_EQ(state(), State::kHalfOpen);
  succeed();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B49_ADroppedPermitCountsAsConfigured) {
  const std::pair<Outcome, State> cases[] = {
      {Outcome::kIgnored, State::kHalfOpen}, {Outcome::kFailure, State::kOpen}, {Outcome::kSuccess, State::kClosed}};
  for (auto [counts_as, next] : cases) {
    O options = brittle();
    options.abandoned = counts_as;
    make_half_open(options);
    { auto dropped = breaker_->try_acquire(); }
    EXPECT_EQ(state(), next);
    EXPECT_EQ(snapshot().abandoned, 1u);
    EXPECT_EQ(snapshot().ignored, 0u);
  }
}

TEST_F(HalfOpen, B50_AResultOfAnEarlierGenerationIsDropped) {
  make(probing(2));
  auto old = acquire(2);
  fail();
  clock_.advance(10s);
  auto first_round = acquire(2);
  first_round[0].failure();
  clock_.advance(10s);
  auto probes = acquire(2);
  old[0].success(), old[1].failure();
  first_round[1].failure();
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_EQ(snapshot().late, 3u);
  probes[0].success(), probes[1].success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B51_TheMinimumOfCallsDoesNotApply) {
  for (O options : {probing(1), by_rate(1, 50)}) {
    options.minimum_calls = 20;
    make(options);
    fail(20);
    clock_.advance(10s);
    fail();
    EXPECT_EQ(state(), State::kOpen);
    EXPECT_EQ(events_.back().cause, Event::Cause::kProbeFailed);
  }
}

TEST_F(HalfOpen, B52_ItJudgesByItsProbesAlone) {
  O options = by_rate(4, 60);
  options.open_for = 1s;
  options.minimum_calls = 5;
  make(options);
  fail(5);
  clock_.advance(1s);
  fail(2);
  succeed(2);  // half of the probes have failed, of all calls in the last ten seconds more than 60 %
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(events_.back().window.failed, 2u);
  EXPECT_EQ(events_.back().window.succeeded, 2u);
}

TEST_F(HalfOpen, ItsWindowIsOfTheProbesHoweverLateTheyCome) {
  make_half_open(brittle());
  clock_.advance(1h);
  succeed();
  EXPECT_EQ(events_.back().window.succeeded, 1u);
}

TEST_F(HalfOpen, B53_ClosingClearsTheWindow) {
  O options = brittle();
  options.minimum_calls = 3;
  options.open_for = 1s;
  make(options);
  fail(3);
  clock_.advance(1s);
  succeed();
  EXPECT_EQ(window().calls(), 0u);
  EXPECT_EQ(snapshot().failures_in_a_row, 0u);
  succeed(2);
  fail();  // four of seven in the last ten seconds
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(HalfOpen, B54_AfterClosingAdmissionRampsUp) {
  O options = brittle();
  options.ramp_up = 40s;
  options.seed = 7;
  make_half_open(options);
  succeed();
  for (int sixteenths : {1, 2, 4, 8}) {
    int passed = admitted(1600);
    EXPECT_GT(passed, 80 * sixteenths);
    EXPECT_LT(passed, 120 * sixteenths);
    clock_.advance(10s);
  }
  EXPECT_EQ(admitted(1600), 1600);
  EXPECT_GT(snapshot().refused_half_open, 0u);
}

TEST_F(HalfOpen, ARampingBreakerSaysSoAndTripsAsAClosedOne) {
  O options = brittle();
  options.ramp_up = 40s;
  options.seed = 7;
  make_half_open(options);
  succeed();
  auto refused = breaker_->try_acquire();
  while (refused) refused.success(), refused = breaker_->try_acquire();
  EXPECT_EQ(refused.refusal().reason, Reason::kRampUp);
  int tries = 0;
  while (!call(Outcome::kFailure) && ++tries < 1000) {
  }
  while (state() == State::kClosed && ++tries < 1000) (void)call(Outcome::kFailure);
  EXPECT_EQ(state(), State::kOpen);
}

// ---- Changed options ----

TEST_F(HalfOpen, FewerSuccessesThanAreThereCloseIt) {
  make_half_open(probing(1, 5));
  succeed(3);
  EXPECT_EQ(breaker_->change(probing(1, 3)), "");
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(events_.back().cause, Event::Cause::kProbesSucceeded);
  succeed();
}

TEST_F(HalfOpen, FewerProbesThanHaveReportedAreJudged) {
  for (Outcome outcome : {Outcome::kSuccess, Outcome::kFailure}) {
    make_half_open(by_rate(5, 50));
    report(3, outcome);
    EXPECT_EQ(breaker_->change(by_rate(3, 50)), "");
    EXPECT_EQ(state(), outcome == Outcome::kSuccess ? State::kClosed : State::kOpen);
  }
}

TEST_F(HalfOpen, MoreProbesAreAdmittedAtOnce) {
  make_half_open(probing(1));
  auto first = breaker_->try_acquire();
  EXPECT_FALSE(breaker_->try_acquire());
  EXPECT_EQ(breaker_->change(probing(3)), "");
  auto others = acquire(3);
  EXPECT_TRUE(others[0] && others[1] && !others[2]);
}

TEST_F(HalfOpen, ProbesThatReportKeepTheOthersFromBeingGivenUp) {
  O options = probing(2);
  options.successes = 100;
  options.probe_wait = 30s;
  make_half_open(options);
  auto older = breaker_->try_acquire();
  for (int i = 0; i < 60; ++i) {  // two at a time, overlapping, a second each
    clock_.advance(1s);
    auto newer = breaker_->try_acquire();
    ASSERT_TRUE(newer);
    older.success();
    older = std::move(newer);
  }
  EXPECT_EQ(state(), State::kHalfOpen);
  clock_.advance(30s);
  breaker_->poll();
  EXPECT_EQ(state(), State::kOpen) << "this one hangs";
}

}  // namespace
}  // namespace ordeal::resilience
