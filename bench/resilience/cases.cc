#include "cases.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>

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
constexpr uint64_t kFailures = 5000;  // of all threads, into a window of 10 000 successes: below 50 %

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
  made.calls = kFailures / threads;
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

// A failure in a hundred calls.
Run mixed() {
  return [breaker = closed<Breaker>()](TimePoint, uint64_t calls) {
    for (uint64_t i = 0; i < calls; ++i) {
      auto permit = breaker->try_acquire();
      nothing();
      permit.record(i % 100 == 50 ? Outcome::kFailure : Outcome::kSuccess);
    }
  };
}

Case by_one(const char* key, const char* title, Bar bar, Run run) {
  return {.key = key, .title = title, .bar = std::move(bar), .run = std::move(run)};
}

Case by_two(const char* key, const char* title, Bar bar, Run run) {
  return {.key = key, .title = title, .threads = 2, .bar = std::move(bar), .run = std::move(run)};
}

void add_floor(std::vector<Case>& all) {
  auto line = std::make_shared<Line>();
  Run clock =
      repeat(line, [](Line&, TimePoint) { asm volatile("" ::"r"(SteadyClock::now().time_since_epoch().count())); });
  Run coarse =
      repeat(line, [](Line&, TimePoint) { asm volatile("" ::"r"(CoarseClock::now().time_since_epoch().count())); });
  Run own = repeat(line, [](Line&, TimePoint) { detail::add(own_line.count); });
  Run shared = repeat(line, [](Line& used, TimePoint) { detail::add(used.count); });
  all.push_back(by_one("clock", "steady_clock::now()", {}, clock));
  all.push_back(by_one("coarse", "CLOCK_MONOTONIC_COARSE", {}, coarse));
  all.push_back(by_one("add", "fetch_add", {}, own));
  all.push_back(by_two("add own", "fetch_add, own line", {}, own));
  all.push_back(by_two("add shared", "fetch_add, shared line", {}, shared));
}

void add_closed(std::vector<Case>& all) {
  auto plain = closed<Breaker>(), timed = closed<Breaker>();
  Run by_call = repeat(closed<Breaker>(), [](Breaker& used, TimePoint) {
    if (!used.call(nothing)) std::abort();
  });
  all.push_back(by_one("A1", "closed, success", {15}, success(plain)));
  all.push_back(by_two("B", "closed, success", {1.3, "A1"}, success(plain)));
  all.push_back(by_one("A1 time", "the same, caller's time", {15}, success_at(timed)));
  all.push_back(by_two("B time", "the same, caller's time", {1.3, "A1 time"}, success_at(timed)));
  all.push_back(by_one("A1 call", "closed, success, by call()", {}, by_call));
  all.push_back(by_one("A1 mixed", "closed, 1 % failures", {}, mixed()));
  all.push_back(by_two("B mixed", "closed, 1 % failures", {}, mixed()));
}

void add_slow(std::vector<Case>& all) {
  CircuitBreakerOptions slow{.slow_after = 100ms};
  auto plain = closed<SlowBreaker>(slow), timed = closed<SlowBreaker>(slow);
  all.push_back(by_one("A2", "closed, success, slow calls count", {40}, success(plain)));
  all.push_back(by_two("B2", "closed, success, slow calls count", {1.3, "A2"}, success(plain)));
  all.push_back(by_one("A2 time", "the same, caller's time", {40}, success_at(timed)));
  all.push_back(by_two("B2 time", "the same, caller's time", {1.3, "A2 time"}, success_at(timed)));
}

void add_busy(std::vector<Case>& all) {
  uint64_t steps = steps_of_a_microsecond();
  Run alone = repeat(std::make_shared<Line>(), [=](Line&, TimePoint) { busy(steps); });
  Run guarded = repeat(closed<Breaker>(), [=](Breaker& used, TimePoint) {
    auto permit = used.try_acquire();
    busy(steps);
    permit.success();
  });
  all.push_back(by_one("busy", "busy loop of 1 us", {}, alone));
  all.push_back(by_one("A1 busy", "closed, success, around that loop", {}, guarded));
}

void add_others(std::vector<Case>& all) {
  all.push_back(by_one("C", "open, refused", {}, refused()));
  all.push_back(by_two("C two", "open, refused", {}, refused()));
  all.push_back(by_one("C time", "the same, caller's time", {3}, refused_at()));
  all.push_back(by_two("C two time", "the same, caller's time", {3}, refused_at()));
  all.push_back(failure("D", "failure, full window", 1, {150}));
  all.push_back(failure("D two", "failure, full window", 2, {}));
  all.push_back(by_one("I", "five policies, success", {60}, pipeline()));
  all.push_back(by_two("I two", "five policies, success", {1.5, "I"}, pipeline()));
}

}  // namespace

std::vector<Case> cases() {
  std::vector<Case> all;
  add_floor(all);
  add_closed(all);
  add_slow(all);
  add_busy(all);
  add_others(all);
  return all;
}

}  // namespace ordeal::bench
