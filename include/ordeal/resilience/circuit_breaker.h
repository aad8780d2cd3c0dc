// CircuitBreaker: stops calling what keeps failing. Closed = calls pass, open = refused, half-open = probing.
// It is a gate, not a runner: acquire() gives a Permit or refuses; the caller makes the call (with a deadline of its
// own) and reports success() or failure(). A permit that is dropped without a report counts as a failure.
// Thread-safe. Makes no thread, no timer, throws nothing, needs no RTTI. The breaker must outlive its permits.
// An open breaker becomes half-open at the first acquire() after `open_for`, not by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "ordeal/resilience/rolling_window.h"

namespace ordeal::resilience {

enum class State { kClosed, kHalfOpen, kOpen };
const char* to_text(State state);

// The customary gauge: 0 closed, 0.5 half-open, 1 open.
double gauge_value(State state);

struct Transition {
  State from = State::kClosed;
  State to = State::kClosed;
  uint64_t number = 0;  // 1, 2, 3…: listeners on different threads may be called out of order
  TimePoint at;
};

struct CircuitBreakerOptions {
  enum class Denominator { kStarted, kCompleted };

  // Rule 1: more than `failure_percent` of the calls in the window failed. Judged at a failure only. 100 turns it off,
  // because no share is above it.
  double failure_percent = 50;                        // 0 to 100
  Duration window = std::chrono::seconds(10);         // 1 ms to 1 day
  uint32_t buckets = 10;                              // 1 to 1000
  uint64_t minimum_calls = 0;                         // fewer calls in the window never trip rule 1
  Denominator denominator = Denominator::kCompleted;  // kStarted: calls under way count too
  // Rule 2: this many failures without a success in between. 0 turns it off.
  uint64_t consecutive_failures = 0;

  Duration open_for = std::chrono::seconds(30);    // 1 ms to 1 day
  uint32_t probes = 1;                             // permits while half-open, 1 to 1000; all must succeed to close
  Duration probe_wait = std::chrono::seconds(30);  // unreported for so long, the probes count as failed; 1 ms to 1 day
  // The deadline that callers give their calls; kept here so that one place configures it. The breaker cannot cut a
  // call short and does not try.
  Duration call_timeout = std::chrono::seconds(3);

  std::function<TimePoint()> now = [] { return std::chrono::steady_clock::now(); };
  // Called after each transition, outside the lock, on the thread that caused it. It may call the breaker.
  std::function<void(const Transition&)> on_transition;
};

// {timeout: 3000, errorThresholdPercentage: 50, resetTimeout: 30000, rollingCountTimeout: 10000,
// rollingCountBuckets: 10}. As there: strictly more than the percentage, calls count when they start, one failure
// alone opens unless `volume_threshold` is set. Unlike there: refused calls do not dilute the percentage, closing
// clears the window, a late result of an earlier state changes nothing, a hung probe cannot block for ever.
CircuitBreakerOptions opossum_like(uint64_t volume_threshold = 0);
// {fail_max: 5, timeout: 30}. As there: the fifth failure in a row opens. Unlike there: calls are not serialised by
// the breaker, and results count when the work has ended, also that of a coroutine.
CircuitBreakerOptions pybreaker_like(uint64_t fail_max = 5, Duration reset_timeout = std::chrono::seconds(30));

class CircuitBreaker {
 public:
  class Permit;
  struct Snapshot {
    State state = State::kClosed;
    WindowCounts window;
    uint64_t failures_in_a_row = 0;
    // Since construction.
    uint64_t permitted = 0, refused = 0, succeeded = 0, failed = 0, ignored = 0;
    uint64_t abandoned = 0;           // of the failed: permits dropped without a report
    uint64_t late = 0;                // reports that came after their state had ended; in none of the four above
    uint64_t transitions[3][3] = {};  // [from][to]
  };

  // nullptr when an option is out of range; then `error` names it, its value and the range.
  static std::unique_ptr<CircuitBreaker> create(CircuitBreakerOptions options, std::string& error);
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // nullopt is a refusal: do not call.
  std::optional<Permit> acquire();
  State state() const;
  // How long acquire() will still refuse; 0 unless open.
  Duration retry_after() const;
  Snapshot snapshot() const;
  const CircuitBreakerOptions& options() const { return options_; }

 private:
  enum class Outcome { kSuccess, kFailure, kAbandoned, kIgnored };
  explicit CircuitBreaker(CircuitBreakerOptions options);
  void report(uint64_t generation, Outcome outcome);
  void record_closed(TimePoint now, bool failed);
  void record_half_open(TimePoint now, Outcome outcome);
  bool must_trip(TimePoint now);
  void move_to(State to, TimePoint now);
  void announce(const std::optional<Transition>& transition) const;
  std::optional<Transition> take_transition() { return std::exchange(pending_, std::nullopt); }

  const CircuitBreakerOptions options_;
  mutable std::mutex mutex_;
  mutable RollingWindow window_;
  State state_ = State::kClosed;
  uint64_t generation_ = 0;  // number of transitions; a permit of another generation is late
  TimePoint since_;          // when state_ began
  uint32_t probes_out_ = 0;
  uint32_t probes_good_ = 0;
  Snapshot totals_;
  std::optional<Transition> pending_;  // made under the lock, announced after it
};

// Move-only. Report once; further reports are ignored.
class [[nodiscard]] CircuitBreaker::Permit {
 public:
  Permit(Permit&& other) noexcept : breaker_(std::exchange(other.breaker_, nullptr)), generation_(other.generation_) {}
  Permit& operator=(Permit&& other) noexcept;
  ~Permit() { report(Outcome::kAbandoned); }

  void success() { report(Outcome::kSuccess); }
  void failure() { report(Outcome::kFailure); }
  // Neither: the call was cancelled or says nothing about the callee. A probe gives its place back.
  void ignore() { report(Outcome::kIgnored); }

 private:
  friend class CircuitBreaker;
  Permit(CircuitBreaker* breaker, uint64_t generation) : breaker_(breaker), generation_(generation) {}
  void report(Outcome outcome);

  CircuitBreaker* breaker_;
  uint64_t generation_;
};

}  // namespace ordeal::resilience
