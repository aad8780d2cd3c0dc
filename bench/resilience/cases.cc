#include "cases.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::bench {

namespace {

using namespace resilience;
using namespace std::chrono_literals;
using Breaker = CircuitBreaker<CoarseClock>;
using SlowBreaker = CircuitBreaker<SteadyClock>;
using Run = std::function<void(TimePoint, uint64_t)>;

constexpr uint32_t kBuckets = 10, kBucketCalls = 1000;
constexpr uint64_t kFailures = 5000;  // into a window of 10 000 successes: below 50 %
// Two threads add up to no more than that.
constexpr uint64_t kFailuresOfTwo = kFailures / 2;

void busy(uint64_t steps) {
  for (uint64_t i = 0; i < steps; ++i) asm volatile("" : "+r"(i));
}

uint64_t steps_of_a_microsecond() {
  constexpr uint64_t kSteps = 1'000'000;
  double best = 1e18;
  for (int i = 0; i < 5; ++i) {
    auto began = SteadyClock::now();
    busy(kSteps);
    best = std::min(best, static_cast<double>((SteadyClock::now() - began).count()));
  }
  return static_cast<uint64_t>(1000 * kSteps / best);
}

template <class B>
std::shared_ptr<B> closed(CircuitBreakerOptions options = {}) {
  return std::make_shared<B>(std::move(options));
}

std::shared_ptr<Breaker> open() {
  auto breaker = closed<Breaker>();
  breaker->open_for(24h);
  return breaker;
}

template <class B>
Run success(std::shared_ptr<B> breaker) {
  return repeat(breaker, [](B& used, TimePoint) {
    auto permit = used.try_acquire();
    nothing();
    permit.success();
  });
}

template <class B>
Run success_at(std::shared_ptr<B> breaker) {
  return repeat(breaker, [](B& used, TimePoint now) {
    auto permit = used.try_acquire(now);
    nothing();
    permit.record(Outcome::kSuccess, now);
  });
}

Run refused() {
  return repeat(open(), [](Breaker& used, TimePoint) {
    auto permit = used.try_acquire();
    if (permit) std::abort();
  });
}

Run refused_at() {
  return repeat(open(), [](Breaker& used, TimePoint now) {
    auto permit = used.try_acquire(now);
    if (permit) std::abort();
  });
}

// A clock that a full window can be made with in no time.
struct SkippingClock {
  std::shared_ptr<Duration> skipped = std::make_shared<Duration>(0);
  TimePoint now() const { return CoarseClock::now() + *skipped; }
};

struct FullWindow {
  SkippingClock clock;
  std::optional<CircuitBreaker<SkippingClock>> breaker;
  void fill() {
    breaker.emplace(CircuitBreakerOptions{}, clock);
    for (uint32_t i = 0; i < kBuckets * kBucketCalls; ++i) {
      if (i > 0 && i % kBucketCalls == 0) *clock.skipped += 1s;
      breaker->try_acquire().success();
    }
  }
};

Case failure(const char* key, const char* title, int threads, Bar bar) {
  auto window = std::make_shared<FullWindow>();
  Case made{key, title, threads, bar};
  made.blocks = threads > 1;
  made.calls = threads > 1 ? kFailuresOfTwo : kFailures;
  made.prepare = [window] { window->fill(); };
  made.run = repeat(window, [](FullWindow& used, TimePoint) {
    auto permit = used.breaker->try_acquire();
    nothing();
    if (!permit) std::abort();
    permit.failure();
  });
  return made;
}

Run pipeline() {
  static Fallback fallback{[](const Error&) { return 0; }};
  static Retry retry{RetryOptions{}};
  static CircuitBreaker breaker{CircuitBreakerOptions{}};
  static Bulkhead bulkhead{BulkheadOptions{}};
  static Pipeline five{fallback, retry, breaker, bulkhead, TimeLimit{3s}};
  return repeat(std::make_shared<int>(1), [](int& answer, TimePoint) {
    auto result = five.call([&] {
      nothing();
      return answer;
    });
    if (!result) std::abort();
  });
}

struct alignas(64) Line {
  std::atomic<uint64_t> count{0};
};
thread_local Line own_line;

void add_floor(std::vector<Case>& all) {
  auto none = std::make_shared<Line>();
  all.push_back({.key = "clock", .title = "steady_clock::now()", .run = repeat(none, [](Line&, TimePoint) {
                                                                   asm volatile("" ::"r"(
                                                                       SteadyClock::now().time_since_epoch().count()));
                                                                 })});
  all.push_back({.key = "coarse",
                 .title = "CLOCK_MONOTONIC_COARSE",
                 .run = repeat(none, [](Line&, TimePoint) {
                   asm volatile("" ::"r"(CoarseClock::now().time_since_epoch().count()));
                 })});
  Run own = repeat(none, [](Line&, TimePoint) { own_line.count.fetch_add(1, std::memory_order_relaxed); });
  Run shared = repeat(none, [](Line& line, TimePoint) { line.count.fetch_add(1, std::memory_order_relaxed); });
  all.push_back({.key = "add", .title = "fetch_add", .run = own});
  all.push_back({.key = "add own", .title = "fetch_add, own line", .threads = 2, .run = own});
  all.push_back({.key = "add shared", .title = "fetch_add, shared line", .threads = 2, .run = shared});
}

void add_closed(std::vector<Case>& all) {
  CircuitBreakerOptions slow{.slow_after = 100ms};
  auto both = closed<Breaker>(), both_at = closed<Breaker>();
  auto slow_both = closed<SlowBreaker>(slow);
  all.push_back({.key = "A1", .title = "closed, success", .bar = {15}, .run = success(both)});
  all.push_back({.key = "A1 time", .title = "the same, caller's time", .bar = {15}, .run = success_at(both_at)});
  all.push_back(
      {.key = "A1 call", .title = "the same by call()", .run = repeat(closed<Breaker>(), [](Breaker& used, TimePoint) {
                                                          if (!used.call(nothing)) std::abort();
                                                        })});
  all.push_back({.key = "A2", .title = "closed, success, slow calls counted", .bar = {40}, .run = success(slow_both)});
  all.push_back({.key = "A2 time",
                 .title = "the same, caller's time",
                 .bar = {40},
                 .run = success_at(closed<SlowBreaker>(slow))});
  all.push_back({.key = "B", .title = "closed, success", .threads = 2, .bar = {1.3, "A1"}, .run = success(both)});
  all.push_back({.key = "B time",
                 .title = "the same, caller's time",
                 .threads = 2,
                 .bar = {1.3, "A1 time"},
                 .run = success_at(both_at)});
  all.push_back({.key = "B slow",
                 .title = "closed, success, slow calls counted",
                 .threads = 2,
                 .bar = {1.3, "A2"},
                 .run = success(slow_both)});
}

void add_busy(std::vector<Case>& all) {
  uint64_t steps = steps_of_a_microsecond();
  auto none = std::make_shared<Line>();
  all.push_back(
      {.key = "busy", .title = "busy loop of 1 us", .run = repeat(none, [=](Line&, TimePoint) { busy(steps); })});
  all.push_back({.key = "A1 busy",
                 .title = "closed, success, around it",
                 .run = repeat(closed<Breaker>(), [=](Breaker& used, TimePoint) {
                   auto permit = used.try_acquire();
                   busy(steps);
                   permit.success();
                 })});
}

void add_others(std::vector<Case>& all) {
  all.push_back({.key = "C", .title = "open, refused", .run = refused()});
  all.push_back({.key = "C time", .title = "the same, caller's time", .bar = {3}, .run = refused_at()});
  all.push_back({.key = "C two", .title = "open, refused", .threads = 2, .run = refused()});
  all.push_back(
      {.key = "C two time", .title = "the same, caller's time", .threads = 2, .bar = {3}, .run = refused_at()});
  all.push_back(failure("D", "failure, full window", 1, {150}));
  all.push_back(failure("D two", "failure, full window", 2, {}));
  all.push_back({.key = "I", .title = "five policies, success", .bar = {60}, .run = pipeline()});
  all.push_back({.key = "I two", .title = "five policies, success", .threads = 2, .run = pipeline()});
}

}  // namespace

std::vector<Case> cases() {
  std::vector<Case> all;
  add_floor(all);
  add_closed(all);
  add_busy(all);
  add_others(all);
  return all;
}

}  // namespace ordeal::bench
