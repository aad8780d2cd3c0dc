// What the breaker's tests share: a clock that is turned by hand, a breaker on it, and the events that it told.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "ordeal/resilience/circuit_breaker.h"

namespace ordeal::resilience {

// Calls function(0) to function(count - 1), each on a thread, at one moment; returns when all have. The threads spin,
// because a wake-up is longer than what they are to collide in.
template <class F>
void run_together(int count, F function) {
  std::atomic<int> missing = count;
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      --missing;
      for (int spins = 0; missing > 0; ++spins) {
        if (spins > 1000) std::this_thread::yield();
      }
      function(i);
    });
  }
}

class BreakerTest : public testing::Test {
 protected:
  using Options = CircuitBreakerOptions;
  using Breaker = CircuitBreaker<ManualClock>;
  using Pairs = std::vector<std::pair<State, State>>;

  // Opens at the first failure, for ten seconds.
  static Options brittle() { return {.minimum_calls = 1, .open_for = std::chrono::seconds(10), .open_jitter = 0}; }

  void make(Options options) {
    options.on_event = [this](const Event& event) {
      std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    retired_.push_back(std::exchange(breaker_, std::make_unique<Breaker>(std::move(options), clock_)));
  }
  // Made, and opened by a failure.
  void make_open(Options options) {
    make(std::move(options));
    report(1, Outcome::kFailure);
    ASSERT_EQ(state(), State::kOpen);
  }
  // Made, opened, and its period over: the next call is a probe.
  void make_half_open(Options options) {
    Duration period = options.open_for;
    make_open(std::move(options));
    clock_.advance(period);
    breaker_->poll();
    ASSERT_EQ(state(), State::kHalfOpen);
  }

  // One whole call; false when it is refused.
  bool call(Outcome outcome, Duration takes = Duration::zero()) {
    auto permit = breaker_->try_acquire();
    if (!permit) return false;
    clock_.advance(takes);
    permit.record(outcome);
    return true;
  }
  void report(int count, Outcome outcome) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(call(outcome)) << "call " << i;
  }
  void succeed(int count = 1) { report(count, Outcome::kSuccess); }
  void fail(int count = 1) { report(count, Outcome::kFailure); }
  std::vector<Breaker::Permit> acquire(int count) {
    std::vector<Breaker::Permit> permits;
    for (int i = 0; i < count; ++i) permits.push_back(breaker_->try_acquire());
    return permits;
  }

  State state() const { return breaker_->state(); }
  BreakerSnapshot snapshot() const { return breaker_->snapshot(); }
  WindowCounts window() const { return snapshot().window; }
  Pairs transitions() const {
    Pairs pairs;
    for (const Event& event : events_) {
      if (event.kind == Event::Kind::kTransition) pairs.emplace_back(event.from, event.to);
    }
    return pairs;
  }

  ManualClock clock_;
  std::mutex mutex_;
  std::vector<Event> events_;
  std::unique_ptr<Breaker> breaker_;
  std::vector<std::unique_ptr<Breaker>> retired_;  // a test's permits may outlive the breaker that it makes anew
};

}  // namespace ordeal::resilience
