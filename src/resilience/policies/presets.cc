#include "ordeal/resilience/presets.h"

#include <algorithm>

namespace ordeal::resilience {

namespace {

constexpr double kMostSeconds = 9e9;  // that nanoseconds hold

Duration seconds(double count) {
  if (!(count > 0)) return Duration::zero();
  std::chrono::duration<double> seconds(count < kMostSeconds ? count : kMostSeconds);
  return std::chrono::duration_cast<Duration>(seconds);
}

}  // namespace

CircuitBreakerOptions opossum_like(const OpossumOptions& preset) {
  CircuitBreakerOptions options;
  options.window = std::chrono::milliseconds(preset.rollingCountTimeout);
  options.buckets = preset.rollingCountBuckets;
  options.failure_percent = preset.errorThresholdPercentage;
  options.comparison = CircuitBreakerOptions::Comparison::kAbove;
  options.minimum_calls = preset.volumeThreshold;
  options.count_started = true;
  options.open_for = std::chrono::milliseconds(preset.resetTimeout);
  options.open_jitter = 0;
  options.probe_wait = std::min<Duration>(options.open_for, std::chrono::hours(24));
  return options;
}

CircuitBreakerOptions pybreaker_like(const PybreakerOptions& preset) {
  CircuitBreakerOptions options;
  options.rates = false;
  options.failures_in_a_row = preset.fail_max;
  options.open_for = seconds(preset.timeout_duration > 0 ? preset.timeout_duration : preset.reset_timeout);
  options.open_jitter = 0;
  options.successes = preset.success_threshold;
  options.probe_wait = std::min<Duration>(options.open_for, std::chrono::hours(24));
  return options;
}

}  // namespace ordeal::resilience
