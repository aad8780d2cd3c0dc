// How a circuit breaker judges and what it reports. Every option can be changed while the breaker is in use, except the
// names, `shards`, `initial`, `seed` and `on_event`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ordeal/resilience/outcome.h"
#include "ordeal/resilience/time.h"

namespace ordeal::resilience {

// Forced-open, disabled and metrics-only are entered by hand. Disabled lets everything pass and counts nothing;
// metrics-only counts and reports, but lets everything pass. Shut down is permanent.
enum class State : uint8_t { kClosed, kHalfOpen, kOpen, kForcedOpen, kDisabled, kMetricsOnly, kShutDown };
const char* to_text(State state);
// The customary gauge: 0 calls pass, 0.5 half-open, 1 calls are refused.
double gauge_value(State state);

// Completed calls of the window; `started` only with count_started.
struct WindowCounts {
  uint64_t succeeded = 0, failed = 0;  // failed includes time-outs
  uint64_t slow = 0;                   // of both
  uint64_t started = 0;
  uint64_t calls() const { return succeeded + failed; }
};

struct Event {
  enum class Kind : uint8_t { kTransition, kThresholdExceeded };  // the second in metrics-only, once
  enum class Cause : uint8_t {
    kFailureRate,
    kSlowRate,
    kFailuresInARow,
    kOpenElapsed,
    kProbesSucceeded,
    kProbeFailed,
    kProbesUnreported,
    kByHand
  };
  Kind kind = Kind::kTransition;
  State from = State::kClosed, to = State::kClosed;
  Cause cause = Cause::kByHand;
  uint64_t number = 0;      // of the transition: 1, 2, 3…; listeners on two threads may be called out of order
  uint64_t generation = 0;  // of the permits from here on
  TimePoint at;
  WindowCounts window;  // at that instant
};
const char* to_text(Event::Cause cause);

struct CircuitBreakerOptions {
  std::string name = {};     // "" generates a unique "breaker-1"
  std::string service = {};  // what it protects, the metric's label; "" means the name

  // The window that the two rates look at: the last `window` in `buckets` slices (the oldest goes as a whole, so it
  // covers between window - window/buckets and window), or the last `last_calls` completed calls, exactly, at the
  // price of one lock per call.
  enum class Window : uint8_t { kTime, kCalls };
  Window kind = Window::kTime;
  Duration window = std::chrono::seconds(10);  // 1 ms to 1 day
  uint32_t buckets = 10;                       // 1 to 1000; as many as there are milliseconds, at most
  uint32_t last_calls = 100;                   // 1 to 1 000 000

  // It opens when one of these holds. Judged when a failure or a slow call ends, and when the missing minimum is met.
  enum class Comparison : uint8_t { kAtLeast, kAbove };
  double failure_percent = 50;  // more than 0, to 100; 0 with kAbove: any failure
  Comparison comparison = Comparison::kAtLeast;
  double slow_percent = 100;       // more than 0, to 100; of calls that took slow_after or longer
  Duration slow_after{0};          // 0 is off, else 1 µs to 1 day
  uint64_t minimum_calls = 20;     // fewer calls in the window never trip a rate; 0 is as 1; to 1e9, and last_calls
  uint64_t failures_in_a_row = 0;  // 0 is off; to 1e9; only a success ends a row
  bool rates = true;               // false: only failures_in_a_row
  bool count_started = false;      // the failure rate is of calls started in the window, not of calls completed
  Duration warm_up{0};             // time after construction in which it does not open; 0 to 1 day

  Duration open_for = std::chrono::seconds(30);     // 1 ms or more
  double open_growth = 1;                           // 1 to 10: factor for each opening without a closing in between
  Duration open_longest = std::chrono::minutes(5);  // upper limit of the growth; at least open_for if growth is above 1
  double open_jitter = 0.1;  // 0 to 1: lasts between 1 - j and 1 + j of that, uniformly distributed

  // Half-open: at most `probes` calls at a time. One failure opens again, `successes` successes close. kRate waits for
  // `probes` results and judges them by the two rates; not without `rates`.
  enum class HalfOpenRule : uint8_t { kFirstFailure, kRate };
  HalfOpenRule half_open_rule = HalfOpenRule::kFirstFailure;
  uint32_t probes = 1;                             // 1 to 1000
  uint32_t successes = 0;                          // 0 is `probes`; to 1000
  Duration probe_wait = std::chrono::seconds(30);  // probes are given up when none reports for this long; 1 ms to 1 day
  State after_probe_wait = State::kOpen;           // or kClosed
  Duration ramp_up{0};  // after closing by probes, 1/16 of the calls pass, doubling four times until then; to 1 day

  Outcome abandoned = Outcome::kIgnored;  // what a permit that is dropped without a report counts as
  uint32_t shards = 4;                    // counters for this many threads at once; 1 to 64, a power of two
  State initial = State::kClosed;         // or kOpen, kForcedOpen, kDisabled, kMetricsOnly
  uint64_t seed = 0;                      // of jitter and ramp-up; 0 draws one

  // Called outside the lock, on the thread that caused it; may call the breaker. What it throws is swallowed and
  // counted.
  std::function<void(const Event&)> on_event = {};
};

// "" or what is wrong: "failure_percent is 0: it must be above 0 and at most 100".
std::string check(const CircuitBreakerOptions& options);

}  // namespace ordeal::resilience
