#include "ordeal/resilience/circuit_breaker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

class CircuitBreakerTest : public testing::Test {
 protected:
  void make(CircuitBreakerOptions options) {
    options.now = [this] { return now_; };
    options.on_transition = [this](const Transition& t) {
      heard_.push_back(t);
      heard_state_.push_back(breaker_->state());
    };
    std::string error;
    breaker_ = CircuitBreaker::create(std::move(options), error);
    ASSERT_TRUE(breaker_) << error;
  }
  // One whole call; false when refused.
  bool call(bool good) {
    auto permit = breaker_->acquire();
    if (!permit) return false;
    good ? permit->success() : permit->failure();
    return true;
  }
  void calls(int count, bool good) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(call(good));
  }
  State state() const { return breaker_->state(); }

  TimePoint now_ = TimePoint(1000s);
  std::unique_ptr<CircuitBreaker> breaker_;
  std::vector<Transition> heard_;
  std::vector<State> heard_state_;
};

TEST_F(CircuitBreakerTest, OpossumOpensAtTheFirstFailureOfAll) {
  make(opossum_like());
  calls(1, false);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, OpossumStaysClosedAtExactlyHalf) {
  make(opossum_like());
  calls(1, true);
  calls(1, false);
  EXPECT_EQ(state(), State::kClosed);
  calls(1, false);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, OpossumCountsCallsUnderWay) {
  make(opossum_like());
  std::vector<CircuitBreaker::Permit> permits;
  for (int i = 0; i < 10; ++i) permits.push_back(*breaker_->acquire());
  for (size_t i = 0; i < 5; ++i) permits[i].failure();
  EXPECT_EQ(state(), State::kClosed);
  permits[5].failure();
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, BelowTheVolumeThresholdNothingTrips) {
  make(opossum_like(10));
  calls(9, false);
  EXPECT_EQ(state(), State::kClosed);
  calls(1, false);
  EXPECT_EQ(state(), State::kOpen);
}

// Facts for a steady fault of all calls: half a window, 5 s, after its onset.
TEST_F(CircuitBreakerTest, OpossumOpensFiveSecondsAfterATotalFault) {
  make(opossum_like());
  for (int i = 0; i < 200; ++i, now_ += 100ms) call(true);
  TimePoint onset = now_;
  while (state() == State::kClosed && now_ < onset + 20s) {
    call(false);
    now_ += 100ms;
  }
  EXPECT_GE(now_ - onset, 4s);
  EXPECT_LE(now_ - onset, 5200ms);
}

TEST_F(CircuitBreakerTest, OldFailuresLeaveTheWindow) {
  make(opossum_like());
  calls(10, true);
  calls(9, false);
  now_ += 11s;
  calls(2, true);
  calls(1, false);
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(breaker_->snapshot().window.failed, 1u);
}

TEST_F(CircuitBreakerTest, PybreakerOpensAtTheFifthFailureInARow) {
  make(pybreaker_like());
  calls(4, false);
  calls(1, true);
  calls(4, false);
  EXPECT_EQ(state(), State::kClosed);
  calls(1, false);
  EXPECT_EQ(state(), State::kOpen);
}

TEST_F(CircuitBreakerTest, OpenRefusesUntilItsTimeIsOver) {
  make(pybreaker_like(1));
  calls(1, false);
  EXPECT_EQ(breaker_->retry_after(), 30s);
  now_ += 30s - 1ns;
  EXPECT_FALSE(call(true));
  EXPECT_EQ(breaker_->retry_after(), 1ns);
  now_ += 1ns;
  EXPECT_TRUE(call(true));
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, RefusedCallsDoNotEnterTheWindow) {
  make(opossum_like());
  calls(1, false);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(call(true));
  EXPECT_EQ(breaker_->snapshot().refused, 100u);
  EXPECT_EQ(breaker_->snapshot().window.started, 0u);
}

TEST_F(CircuitBreakerTest, HalfOpenAdmitsOneProbe) {
  make(pybreaker_like(1));
  calls(1, false);
  now_ += 30s;
  auto probe = breaker_->acquire();
  ASSERT_TRUE(probe);
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_FALSE(breaker_->acquire());
  probe->success();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, FailedProbeOpensForTheWholeTimeAgain) {
  make(pybreaker_like(1));
  calls(1, false);
  now_ += 40s;
  calls(1, false);
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_->retry_after(), 30s);
}

TEST_F(CircuitBreakerTest, AllOfSeveralProbesMustSucceed) {
  auto options = pybreaker_like(1);
  options.probes = 3;
  make(options);
  calls(1, false);
  now_ += 30s;
  calls(2, true);
  EXPECT_EQ(state(), State::kHalfOpen);
  calls(1, true);
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, IgnoredProbeGivesItsPlaceBack) {
  make(pybreaker_like(1));
  calls(1, false);
  now_ += 30s;
  breaker_->acquire()->ignore();
  EXPECT_EQ(state(), State::kHalfOpen);
  EXPECT_TRUE(call(true));
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, DroppedPermitCountsAsAFailure) {
  make(pybreaker_like(1));
  { auto permit = breaker_->acquire(); }
  EXPECT_EQ(state(), State::kOpen);
  EXPECT_EQ(breaker_->snapshot().abandoned, 1u);
}

TEST_F(CircuitBreakerTest, MovedPermitReportsOnce) {
  make(pybreaker_like());
  auto first = breaker_->acquire();
  auto second = std::move(*first);
  first.reset();
  second.success();
  second.failure();
  EXPECT_EQ(breaker_->snapshot().succeeded, 1u);
  EXPECT_EQ(breaker_->snapshot().failed, 0u);
}

TEST_F(CircuitBreakerTest, LateResultOfAnEarlierStateChangesNothing) {
  make(pybreaker_like(1));
  auto old_good = breaker_->acquire(), old_bad = breaker_->acquire();
  calls(1, false);
  now_ += 10s;
  old_bad->failure();
  EXPECT_EQ(breaker_->retry_after(), 20s);
  now_ += 20s;
  auto probe = breaker_->acquire();
  old_good->success();
  EXPECT_EQ(state(), State::kHalfOpen);
  probe->success();
  EXPECT_EQ(state(), State::kClosed);
  EXPECT_EQ(breaker_->snapshot().late, 2u);
}

TEST_F(CircuitBreakerTest, HungProbeCannotBlockForEver) {
  make(pybreaker_like(1));
  calls(1, false);
  now_ += 30s;
  auto hung = breaker_->acquire();
  now_ += 30s;
  EXPECT_FALSE(breaker_->acquire());
  EXPECT_EQ(state(), State::kOpen);
  now_ += 30s;
  EXPECT_TRUE(call(true));
  EXPECT_EQ(state(), State::kClosed);
  hung->failure();
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, ClosingClearsTheWindow) {
  auto options = opossum_like();
  options.open_for = 1s;
  make(options);
  calls(5, true);
  calls(6, false);
  EXPECT_EQ(state(), State::kOpen);
  now_ += 1s;
  calls(3, true);
  // The six failures are within the last 10 s, and would make seven of eleven.
  calls(1, false);
  EXPECT_EQ(state(), State::kClosed);
}

TEST_F(CircuitBreakerTest, ListenerHearsEachTransitionOnceOutsideTheLock) {
  make(pybreaker_like(1));
  calls(1, false);
  now_ += 30s;
  calls(1, true);
  ASSERT_EQ(heard_.size(), 3u);
  EXPECT_EQ(heard_[0].to, State::kOpen);
  EXPECT_EQ(heard_[1].to, State::kHalfOpen);
  EXPECT_EQ(heard_[2].to, State::kClosed);
  EXPECT_EQ(heard_[2].number, 3u);
  EXPECT_EQ(heard_state_, (std::vector{State::kOpen, State::kHalfOpen, State::kClosed}));
  EXPECT_EQ(breaker_->snapshot().transitions[0][2], 1u);
}

TEST(CircuitBreaker, GaugeIsZeroHalfOne) {
  EXPECT_EQ(gauge_value(State::kClosed), 0);
  EXPECT_EQ(gauge_value(State::kHalfOpen), 0.5);
  EXPECT_EQ(gauge_value(State::kOpen), 1);
  EXPECT_STREQ(to_text(State::kHalfOpen), "half-open");
}

TEST(CircuitBreaker, OptionOutOfRangeIsRefusedByName) {
  auto complaint = [](auto change) {
    CircuitBreakerOptions options;
    change(options);
    std::string error;
    EXPECT_EQ(CircuitBreaker::create(options, error), nullptr);
    return error;
  };
  using O = CircuitBreakerOptions;
  EXPECT_EQ(complaint([](O& o) { o.buckets = 0; }), "buckets is 0: it must be between 1 and 1000");
  EXPECT_NE(complaint([](O& o) { o.failure_percent = 101; }).find("between 0 and 100"), std::string::npos);
  EXPECT_NE(complaint([](O& o) { o.failure_percent = NAN; }).find("failure_percent"), std::string::npos);
  EXPECT_NE(complaint([](O& o) { o.window = 0s; }).find("window"), std::string::npos);
  EXPECT_NE(complaint([](O& o) { o.open_for = -1s; }).find("open_for"), std::string::npos);
  EXPECT_NE(complaint([](O& o) { o.probes = 0; }).find("probes"), std::string::npos);
  EXPECT_NE(complaint([](O& o) { o.failure_percent = 100; }).find("never trip"), std::string::npos);
}

TEST(CircuitBreaker, TwoThreadsLoseNoReportAndTripOnce) {
  std::atomic<int> opened = 0;
  auto options = pybreaker_like(20'000);
  options.on_transition = [&](const Transition& t) { opened += t.to == State::kOpen; };
  std::string error;
  auto breaker = CircuitBreaker::create(options, error);
  auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (auto permit = breaker->acquire()) permit->failure();
    }
  };
  std::thread other(work);
  work();
  other.join();
  auto snapshot = breaker->snapshot();
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(snapshot.failed, 20'000u);
  EXPECT_EQ(snapshot.permitted, snapshot.failed + snapshot.late);
  EXPECT_EQ(snapshot.permitted + snapshot.refused, 40'000u);
}

TEST(CircuitBreaker, RacingThreadsGetExactlyOneProbe) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int64_t> now_seconds = 0;
    auto options = pybreaker_like(1);
    options.now = [&] { return TimePoint(std::chrono::seconds(now_seconds)); };
    std::string error;
    auto breaker = CircuitBreaker::create(options, error);
    breaker->acquire()->failure();
    now_seconds = 30;
    std::atomic<int> admitted = 0;
    std::barrier together(2);
    auto race = [&] {
      together.arrive_and_wait();
      auto permit = breaker->acquire();
      admitted += permit.has_value();
      together.arrive_and_wait();
      if (permit) permit->success();
    };
    std::thread other(race);
    race();
    other.join();
    EXPECT_EQ(admitted, 1);
    EXPECT_EQ(breaker->state(), State::kClosed);
  }
}

}  // namespace
}  // namespace ordeal::resilience
