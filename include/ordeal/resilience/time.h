// Time for the policies: monotonic, so that a step of the wall clock changes nothing, and injected, so that a test
// turns it by hand. Every policy takes its clock as a template parameter; the default is CoarseClock.
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>

namespace ordeal::resilience {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

template <class C>
concept Clock = std::copy_constructible<C> && requires(const C& clock) {
  { clock.now() } -> std::same_as<TimePoint>;
};

// To the nanosecond; 15 to 30 ns a reading in a virtual machine (bench/resilience).
struct SteadyClock {
  static TimePoint now() { return std::chrono::steady_clock::now(); }
};

// As of the kernel's last tick: 1 to 10 ms late (CONFIG_HZ), a quarter of the price. Same epoch as SteadyClock.
struct CoarseClock {
  static TimePoint now() {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return TimePoint(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
#else
    return SteadyClock::now();
#endif
  }
};

// For what is compared with a deadline, or measured: by the coarse clock, what has passed still seems to be ahead.
template <Clock C>
TimePoint exact_time(const C& clock) {
  if constexpr (std::same_as<C, CoarseClock>) {
    return SteadyClock::now();
  } else {
    return clock.now();
  }
}

// Moves when told to. Copies share one time. Thread-safe.
class ManualClock {
 public:
  ManualClock() : ManualClock(TimePoint(std::chrono::hours(1))) {}
  explicit ManualClock(TimePoint start)
      : nanos_(std::make_shared<std::atomic<int64_t>>(start.time_since_epoch().count())) {}
  TimePoint now() const { return TimePoint(Duration(nanos_->load(std::memory_order_relaxed))); }
  void advance(Duration by) { nanos_->fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<int64_t>> nanos_;
};

// `from + by`, and the end of time where that does not fit.
constexpr TimePoint later(TimePoint from, Duration by) {
  return by > TimePoint::max() - from && by.count() > 0 ? TimePoint::max() : from + by;
}

}  // namespace ordeal::resilience
