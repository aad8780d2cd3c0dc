#include "ordeal/resilience/presets.h"

namespace ordeal::resilience {

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
  options.probe_wait = options.open_for;
  return options;
}

CircuitBreakerOptions pybreaker_like(const PybreakerOptions& preset) {
  CircuitBreakerOptions options;
  options.rates = false;
  options.failures_in_a_row = preset.fail_max;
  options.open_for = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(preset.reset_timeout));
  options.open_jitter = 0;
  options.successes = preset.success_threshold;
  options.probe_wait = options.open_for;
  return options;
}

}  // namespace ordeal::resilience
