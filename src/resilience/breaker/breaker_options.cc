#include "ordeal/resilience/breaker_options.h"

#include <bit>
#include <initializer_list>

#include "../range_check.h"

namespace ordeal::resilience {

namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr Duration kMilli = std::chrono::milliseconds(1);
constexpr Duration kMicro = std::chrono::microseconds(1);

bool one_of(State state, std::initializer_list<State> states) {
  for (State each : states) {
    if (each == state) return true;
  }
  return false;
}

void check_window(RangeCheck& check, const CircuitBreakerOptions& options) {
  check.within("window", options.window, kMilli, kDay, "between 1 ms and 1 day")
      .within("buckets", options.buckets, 1, 1000, "between 1 and 1000")
      .within("last_calls", options.last_calls, 1, 1e6, "between 1 and 1000000");
}

bool has_failure_rate(const CircuitBreakerOptions& options) {
  bool above_all = options.comparison == CircuitBreakerOptions::Comparison::kAbove && options.failure_percent == 100;
  return options.rates && !above_all;
}

void check_rules(RangeCheck& check, const CircuitBreakerOptions& options) {
  auto percent = [&](const char* option, double value) {
    bool any = value == 0 && options.comparison == CircuitBreakerOptions::Comparison::kAbove;
    check.that((value > 0 || any) && value <= 100, option, RangeCheck::number(value), "above 0 and at most 100");
  };
  percent("failure_percent", options.failure_percent);
  percent("slow_percent", options.slow_percent);
  if (options.slow_after != Duration::zero())
    check.within("slow_after", options.slow_after, kMicro, kDay, "0, or between 1 us and 1 day");
  check
      .within("minimum_calls", static_cast<double>(options.minimum_calls), 0, 1e9,
              "at most 1000000000, or it could never trip")
      .within("failures_in_a_row", static_cast<double>(options.failures_in_a_row), 0, 1e9,
              "at most 1000000000, or it could never trip");
  if (options.kind == CircuitBreakerOptions::Window::kCalls)
    check.within("minimum_calls", static_cast<double>(options.minimum_calls), 0, options.last_calls,
                 "at most last_calls, or it could never trip");
  check.that(options.rates || options.failures_in_a_row > 0, "failures_in_a_row", "0",
             "above 0 when rates is false, or it could never trip");
  bool another_rule = options.failures_in_a_row > 0 || (options.slow_after.count() > 0 && options.slow_percent < 100);
  check.that(!options.rates || has_failure_rate(options) || another_rule, "failure_percent", "100 with kAbove",
             "below 100, or it could never trip");
  check.within("warm_up", options.warm_up, Duration::zero(), kDay, "between 0 and 1 day");
}

void check_open(RangeCheck& check, const CircuitBreakerOptions& options) {
  check.within("open_for", options.open_for, kMilli, Duration::max(), "at least 1 ms")
      .within("open_growth", options.open_growth, 1, 10, "between 1 and 10")
      .that(options.open_growth == 1 || options.open_longest >= options.open_for, "open_longest",
            std::to_string(options.open_longest.count()) + " ns", "at least open_for")
      .within("open_jitter", options.open_jitter, 0, 1, "between 0 and 1");
}

void check_half_open(RangeCheck& check, const CircuitBreakerOptions& options) {
  bool by_rate = options.half_open_rule == CircuitBreakerOptions::HalfOpenRule::kRate;
  check.within("probes", options.probes, 1, 1000, "between 1 and 1000")
      .within("successes", options.successes, 0, 1000, "between 0 and 1000")
      .that(!by_rate || has_failure_rate(options), "half_open_rule", "kRate",
            "kFirstFailure where no failure rate can be broken, or it would always close")
      .within("probe_wait", options.probe_wait, kMilli, kDay, "between 1 ms and 1 day")
      .that(one_of(options.after_probe_wait, {State::kOpen, State::kClosed}), "after_probe_wait",
            to_text(options.after_probe_wait), "open or closed")
      .within("ramp_up", options.ramp_up, Duration::zero(), kDay, "between 0 and 1 day");
}

}  // namespace

const char* to_text(State state) {
  static constexpr const char* kNames[] = {"closed",   "half-open",    "open",     "forced-open",
                                           "disabled", "metrics-only", "shut down"};
  return kNames[static_cast<size_t>(state)];
}

double gauge_value(State state) {
  static constexpr double kValues[] = {0, 0.5, 1, 1, 0, 0, 1};
  return kValues[static_cast<size_t>(state)];
}

const char* to_text(Event::Cause cause) {
  static constexpr const char* kNames[] = {"failure rate", "slow-call rate", "failures in a row", "open period over",
                                           "probes good",  "probe failed",   "probes unreported", "by hand"};
  return kNames[static_cast<size_t>(cause)];
}

std::string check(const CircuitBreakerOptions& options) {
  RangeCheck check;
  check_window(check, options);
  check_rules(check, options);
  check_open(check, options);
  check_half_open(check, options);
  check
      .that(options.shards >= 1 && options.shards <= 64 && std::has_single_bit(options.shards), "shards",
            std::to_string(options.shards), "a power of two between 1 and 64")
      .that(!one_of(options.initial, {State::kHalfOpen, State::kShutDown}), "initial", to_text(options.initial),
            "closed, open, forced-open, disabled or metrics-only");
  return check.error();
}

}  // namespace ordeal::resilience
