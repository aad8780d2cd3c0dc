// Moves by hand, and the states that are entered so.
#include <array>

#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using O = CircuitBreakerOptions;
using Reason = Refusal::Reason;

constexpr std::array kStates = {State::kClosed,   State::kHalfOpen,    State::kOpen,    State::kForcedOpen,
                                State::kDisabled, State::kMetricsOnly, State::kShutDown};

class Control : public BreakerTest {
 protected:
  void make_in(State state_wanted) {
    make(brittle());
    if (state_wanted == State::kHalfOpen) breaker_->move_to(State::kOpen);
    if (state_wanted != State::kClosed) breaker_->move_to(state_wanted);
    ASSERT_EQ(state(), state_wanted);
    events_.clear();
  }
};

TEST_F(Control, B55_EachMoveByHandIsLegalOrRefused) {
  // From each state (row) to each (column), in the order of kStates.
  constexpr bool kLegal[7][7] = {
      {0, 0, 1, 1, 1, 1, 1},  // closed
      {1, 0, 1, 1, 1, 1, 1},  // half-open
      {1, 1, 0, 1, 1, 1, 1},  // open
      {1, 1, 1, 0, 1, 1, 1},  // forced open
      {1, 0, 1, 1, 0, 1, 1},  // disabled
      {1, 0, 1, 1, 1, 0, 1},  // metrics only
      {0, 0, 0, 0, 0, 0, 0},  // shut down
  };
  for (size_t from = 0; from < 7; ++from) {
    for (size_t to = 0; to < 7; ++to) {
      make_in(kStates[from]);
      bool legal = kLegal[from][to];
      EXPECT_EQ(breaker_->move_to(kStates[to]), legal) << to_text(kStates[from]) << " to " << to_text(kStates[to]);
      EXPECT_EQ(state(), legal ? kStates[to] : kStates[from]);
      EXPECT_EQ(transitions(), legal ? Pairs({{kStates[from], kStates[to]}}) : Pairs());
    }
  }
}

TEST_F(Control, TheNamedMovesDoAsTheySay) {
  make(brittle());
  EXPECT_TRUE(breaker_->force_open());
  EXPECT_EQ(state(), State::kForcedOpen);
  EXPECT_TRUE(breaker_->disable());
  EXPECT_EQ(state(), State::kDisabled);
  EXPECT_TRUE(breaker_->only_measure());
  EXPECT_EQ(state(), State::kMetricsOnly);
  breaker_->reset();
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_TRUE(breaker_->open_for(5s));
  EXPECT_EQ(state(), State::kOpen);
  for (const Event& event : events_) EXPECT_EQ(event.cause, Event::Cause::kByHand);
}

TEST_F(Control, ResetClosesFromAnyStateButShutDown) {
  for (State from : kStates) {
    make_in(from);
    breaker_->reset();
    EXPECT_EQ(state(), from == State::kShutDown ? State::kShutDown : State::kClosed);
    EXPECT_EQ(events_.size(), from == State::kClosed || from == State::kShutDown ? 0u : 1u);
  }
}

TEST_F(Control, ForcedOpenRefusesWithoutEndAndSaysSo) {
  make_in(State::kForcedOpen);
  clock_.advance(1000h);
  auto refused = breaker_->try_acquire();
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.refusal().reason, Reason::kForcedOpen);
  EXPECT_EQ(refused.refusal().retry_after, 0s);
  EXPECT_EQ(snapshot().refused, 1u);
}

TEST_F(Control, B56_DisabledCountsNothingMetricsOnlyCountsAndTellsOnce) {
  make_in(State::kDisabled);
  fail(10);
  succeed(10);
  breaker_->try_acquire().ignore();
  { auto dropped = breaker_->try_acquire(); }
  EXPECT_EQ(snapshot().succeeded + snapshot().failed + snapshot().ignored + snapshot().abandoned, 0u);
  EXPECT_TRUE(events_.empty());

  make_in(State::kMetricsOnly);
  fail(10);
  succeed(10);
  fail(10);
  EXPECT_EQ(snapshot().failed, 20u);
  EXPECT_EQ(window().succeeded, 10u);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, Event::Kind::kThresholdExceeded);
  EXPECT_EQ(events_[0].window.failed, 1u);
  EXPECT_EQ(snapshot().refused, 0u);
}

TEST_F(Control, B57_AMoveToTheSameStateTellsNothing) {
  for (State each : kStates) {
    make_in(each);
    uint64_t generation = snapshot().generation;
    EXPECT_FALSE(breaker_->move_to(each));
    EXPECT_EQ(snapshot().generation, generation);
    EXPECT_TRUE(events_.empty());
  }
}

// There is no timer and no cache here: nothing is due any more, and a call says that it was shut down.
TEST_F(Control, B58_ShutDownIsForGoodAndSaysSo) {
  make_in(State::kOpen);
  EXPECT_TRUE(breaker_->shut_down());
  clock_.advance(1h);
  breaker_->poll();
  breaker_->reset();
  EXPECT_FALSE(breaker_->open_for(1s));
  EXPECT_EQ(state(), State::kShutDown);
  EXPECT_EQ(events_.size(), 1u);
  EXPECT_EQ(breaker_->try_acquire().refusal().reason, Reason::kShutDown);
  auto result = breaker_->call([] { return 1; });
  EXPECT_EQ(to_text(result.error()), breaker_->name() + " is shut down");
}

TEST_F(Control, CallsUnderWayReportLateWhenItIsShutDown) {
  make(brittle());
  auto permits = acquire(2);
  breaker_->shut_down();
  permits[0].success(), permits[1].failure();
  EXPECT_EQ(snapshot().late, 2u);
}

TEST_F(Control, AResetDropsTheResultsOfCallsUnderWay) {
  CircuitBreaker breaker({.failures_in_a_row = 1});
  auto before = breaker.try_acquire();
  breaker.reset();
  before.failure();
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_EQ(breaker.snapshot().late, 1u);
}

}  // namespace
}  // namespace ordeal::resilience
