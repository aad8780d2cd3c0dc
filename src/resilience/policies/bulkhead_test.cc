#include "ordeal/resilience/bulkhead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

void await_waiters(const Bulkhead& bulkhead, uint32_t count) {
  while (bulkhead.waiting() != count) std::this_thread::yield();
}

TEST(Bulkhead, B67_ASlotIsFreedOnceOnEveryPathAndOnlyWhenTheWorkHasEnded) {
  Bulkhead bulkhead({.limit = 1});
  ManualClock clock;
  Pipeline pipeline(bulkhead, TimeLimit(1s, clock));
  auto held = [&] { EXPECT_EQ(bulkhead.in_flight(), 1u); };
  auto good = [&] { return held(), 1; };
  auto throws = [&]() -> int { held(), throw std::runtime_error("down"); };
  auto passes_by = [&]() -> Result<int> { held(), throw std::runtime_error("down"); };
  auto cancelled = [&] { return held(), Result<int>(Error{Error::Kind::kCancelled, {}, nullptr}); };
  auto late = [&] { return clock.advance(2s), held(), 1; };  // the time limit has passed, the work goes on
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(pipeline.call(good).has_value());
    EXPECT_EQ(pipeline.call(throws).error().kind, Error::Kind::kException);
    EXPECT_THROW((void)pipeline.call(passes_by), std::runtime_error);
    EXPECT_EQ(pipeline.call(cancelled).error().kind, Error::Kind::kCancelled);
    EXPECT_EQ(pipeline.call(late).error().kind, Error::Kind::kTimeLimit);
    EXPECT_EQ(bulkhead.in_flight(), 0u);
  }
  auto slot = bulkhead.acquire();
  auto moved = std::move(slot);
  slot = Bulkhead::Slot();
  EXPECT_EQ(bulkhead.in_flight(), 1u);
  moved = Bulkhead::Slot();
  EXPECT_EQ(bulkhead.in_flight(), 0u);
}

void expect_limit_holds(Bulkhead& bulkhead, int threads, int calls_each) {
  std::atomic<int> inside = 0, most = 0, served = 0;
  auto work = [&] {
    for (int i = 0; i < calls_each; ++i) {
      auto slot = bulkhead.acquire();
      served += static_cast<bool>(slot);
      int now = ++inside, seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      --inside;
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) workers.emplace_back(work);
  }
  EXPECT_LE(most, static_cast<int>(bulkhead.limit()));
  EXPECT_EQ(served, threads * calls_each);
  EXPECT_EQ(bulkhead.in_flight() + bulkhead.waiting(), 0u);
}

void expect_waiter_times_out(Bulkhead& bulkhead, Duration wait) {
  auto slot = bulkhead.acquire();
  TimePoint before = SteadyClock::now();
  EXPECT_FALSE(bulkhead.acquire());
  EXPECT_GE(SteadyClock::now() - before, wait);
  EXPECT_EQ(bulkhead.refused(), 1u);
  EXPECT_EQ(bulkhead.waiting(), 0u);
}

// Of a bulkhead of one.
std::vector<uint32_t> order_of_service(Bulkhead& bulkhead, uint32_t waiters) {
  std::vector<uint32_t> order;  // written under the one slot
  auto held = bulkhead.acquire();
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < waiters; ++i) {
    threads.emplace_back([&, i] {
      auto mine = bulkhead.acquire();
      order.push_back(i);
    });
    await_waiters(bulkhead, i + 1);
  }
  held = Bulkhead::Slot();
  threads.clear();
  return order;
}

TEST(Bulkhead, B68_TheLimitHoldsUnderStressWaitersTimeOutAndAreServedInOrder) {
  Bulkhead three({.limit = 3, .wait = 20s}), impatient({.limit = 1, .wait = 20ms}), queue({.limit = 1, .wait = 20s});
  expect_limit_holds(three, 8, 500);
  expect_waiter_times_out(impatient, 20ms);
  EXPECT_EQ(order_of_service(queue, 5), (std::vector<uint32_t>{0, 1, 2, 3, 4}));
}

// Some only take and others only give back, so that every slot moves from shard to shard; the semaphore sees to it that
// one is free for whoever asks.
class Movers {
 public:
  void take(int calls) {
    for (int i = 0; i < calls; ++i) {
      free_.acquire();
      auto slot = bulkhead_.try_acquire();
      std::lock_guard lock(mutex_);
      taken_.push_back(std::move(slot));
    }
  }
  void give(int calls) {
    while (calls > 0) {
      std::vector<Bulkhead::Slot> mine;
      {
        std::lock_guard lock(mutex_);
        std::swap(mine, taken_);
      }
      calls -= static_cast<int>(mine.size());
      for (auto& slot : mine) {
        slot = Bulkhead::Slot();
        free_.release();
      }
      if (mine.empty()) std::this_thread::yield();
    }
  }
  const Bulkhead& bulkhead() const { return bulkhead_; }

 private:
  Bulkhead bulkhead_{{.limit = 3}};
  std::counting_semaphore<> free_{3};
  std::mutex mutex_;
  std::vector<Bulkhead::Slot> taken_;
};

TEST(Bulkhead, NobodyIsRefusedWhileASlotIsFree) {
  constexpr int kCalls = 10'000;
  Movers movers;
  {
    std::jthread giver([&] { movers.give(3 * kCalls); });
    std::vector<std::jthread> takers;
    for (int i = 0; i < 3; ++i) takers.emplace_back([&] { movers.take(kCalls); });
  }
  EXPECT_EQ(movers.bulkhead().refused(), 0u);
  EXPECT_EQ(movers.bulkhead().in_flight(), 0u);
}

TEST(Bulkhead, OneThreadGetsAllSlotsAndNoMoreWhoeverGaveThemBack) {
  for (uint32_t limit : {1u, 2u, 3u, 5u, 25u}) {
    Bulkhead bulkhead({.limit = limit});
    for (int round = 0; round < 5; ++round) {
      std::vector<Bulkhead::Slot> slots;
      for (uint32_t i = 0; i < limit; ++i) slots.push_back(bulkhead.try_acquire());
      EXPECT_TRUE(std::all_of(slots.begin(), slots.end(), [](const auto& slot) { return static_cast<bool>(slot); }));
      EXPECT_EQ(bulkhead.in_flight(), limit);
      EXPECT_FALSE(bulkhead.try_acquire());
      std::jthread([&] { slots.clear(); }).join();
      EXPECT_EQ(bulkhead.in_flight(), 0u);
    }
  }
}

TEST(Bulkhead, TwoSlotsFreedAtOnceServeAWaiterAndANewcomer) {
  for (int round = 0; round < 200; ++round) {
    Bulkhead bulkhead({.limit = 2, .wait = 2s});
    auto first = bulkhead.acquire(), second = bulkhead.acquire();
    std::atomic<bool> done = false;
    std::jthread waiter([&] {
      auto slot = bulkhead.acquire();
      EXPECT_TRUE(slot);
      while (!done) std::this_thread::yield();
    });
    await_waiters(bulkhead, 1);
    first = Bulkhead::Slot();
    second = Bulkhead::Slot();
    // The waiter has one slot, awake or not; the other is free.
    bool at_once = static_cast<bool>(bulkhead.try_acquire());
    bool served = static_cast<bool>(bulkhead.acquire());
    done = true;
    ASSERT_TRUE(at_once && served) << "round " << round;
  }
}

TEST(Bulkhead, AWaiterThatGivesUpLeavesItsPlaceToTheNext) {
  Bulkhead bulkhead({.limit = 1, .wait = 20s});
  auto held = bulkhead.acquire();
  std::jthread impatient([&] { EXPECT_FALSE(bulkhead.acquire(SteadyClock::now() + 10ms)); });
  await_waiters(bulkhead, 1);
  std::jthread patient([&] { EXPECT_TRUE(bulkhead.acquire()); });
  impatient.join();
  held = Bulkhead::Slot();
}

TEST(Bulkhead, ItDoesNotWaitPastTheCallsDeadlineNorWithoutAWait) {
  Bulkhead waits({.limit = 1, .wait = 24h}), refuses({.limit = 1});
  auto one = waits.acquire(), other = refuses.acquire();
  EXPECT_FALSE(waits.acquire(SteadyClock::now()));
  Pipeline in_time(TimeLimit(10ms, SteadyClock()), waits);
  EXPECT_FALSE(in_time.call([] { return 1; }).has_value());
  EXPECT_FALSE(refuses.acquire());
  EXPECT_EQ(waits.refused(), 2u);
  EXPECT_EQ(refuses.refused(), 1u);
}

TEST(Bulkhead, ARefusalSaysWhoAndWhy) {
  Bulkhead bulkhead({.name = "reports", .limit = 1});
  auto slot = bulkhead.acquire();
  auto result = Pipeline{bulkhead}.call([] { return 1; });
  EXPECT_EQ(result.error().refusal.reason, Refusal::Reason::kBulkheadFull);
  EXPECT_EQ(to_text(result.error()), "reports is full");
  EXPECT_EQ(bulkhead.describe(), "reports of 1");
}

TEST(Bulkhead, EachOptionOutOfRangeIsRefusedWithItsNameValueAndRange) {
  EXPECT_EQ(check(BulkheadOptions()), "");
  EXPECT_EQ(check(BulkheadOptions{.limit = 0}), "limit is 0: it must be between 1 and 1000000");
  EXPECT_EQ(check(BulkheadOptions{.limit = 1'000'001}), "limit is 1000001: it must be between 1 and 1000000");
  EXPECT_EQ(check(BulkheadOptions{.wait = -1ns}), "wait is -1 ns: it must be between 0 and 1 day");
  EXPECT_EQ(check(BulkheadOptions{.wait = 25h}), "wait is 90000000000000 ns: it must be between 0 and 1 day");
  try {
    Bulkhead bulkhead({.name = "reports", .limit = 0});
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "bulkhead reports: limit is 0: it must be between 1 and 1000000");
  }
}

}  // namespace
}  // namespace ordeal::resilience
