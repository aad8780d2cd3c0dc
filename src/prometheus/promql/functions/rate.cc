#include <cmath>

#include "prometheus/promql/functions/functions.h"

namespace ordeal::promql {
namespace {

double seconds_between(int64_t from_ms, int64_t to_ms) { return static_cast<double>(to_ms - from_ms) / 1000; }

// The rise of a counter: what it had before each fall is added back.
double counter_rise(const Window& window) {
  std::span<const Sample> samples = window.samples;
  double rise = samples.back().value - samples.front().value;
  if (!window.falls) return rise;
  for (size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].value < samples[i - 1].value) rise += samples[i - 1].value;
  }
  return rise;
}

// Prometheus' extrapolatedRate: the change between the first and last sample is stretched to the edges of the window
// when they are near (1.1 average distances), else by half a distance; a counter never below zero.
double extrapolated(const Window& window, bool counter, double divisor = 1) {
  std::span<const Sample> samples = window.samples;
  if (samples.size() < 2) return stale_nan();
  double change = counter ? counter_rise(window) : samples.back().value - samples.front().value;
  const Stretch& stretch = window.stretch.of(window, divisor);
  double first = samples.front().value;
  // From as much as the counter has risen on, its zero is at least `sampled` away: no division is needed to see that.
  bool far_from_zero = first >= change && stretch.to_start <= stretch.sampled;
  if (!counter || far_from_zero || !(change > 0 && first >= 0)) return change * stretch.factor;
  double to_start = std::min(stretch.to_start, stretch.sampled * (first / change));
  return change * ((stretch.sampled + to_start + stretch.to_end) / stretch.sampled / divisor);
}

struct Line {
  double slope;
  double intercept;  // at the time given to fit()
};

// Least squares, x in seconds from `origin_ms`.
Line fit(std::span<const Sample> samples, int64_t origin_ms) {
  Sum sum_x, sum_y, sum_xy, sum_xx;
  bool constant = true;
  for (const Sample& sample : samples) {
    double x = seconds_between(origin_ms, sample.ms);
    sum_x.add(x);
    sum_y.add(sample.value);
    sum_xy.add(x * sample.value);
    sum_xx.add(x * x);
    constant = constant && sample.value == samples.front().value;
  }
  if (constant) return {std::isinf(samples.front().value) ? NAN : 0, samples.front().value};
  auto n = static_cast<double>(samples.size());
  double covariance = sum_xy.total() - sum_x.total() * sum_y.total() / n;
  double variance = sum_xx.total() - sum_x.total() * sum_x.total() / n;
  double slope = covariance / variance;
  return {slope, sum_y.total() / n - slope * sum_x.total() / n};
}

}  // namespace

const Stretch& Stretch::of(const Window& window, double by) {
  int64_t first = window.samples.front().ms, last = window.samples.back().ms;
  if (first == first_ms && last == last_ms && window.samples.size() == size && by == divisor) return *this;
  first_ms = first, last_ms = last, size = window.samples.size(), divisor = by;
  sampled = seconds_between(first, last);
  double average = sampled / static_cast<double>(size - 1);
  double limit = average * 1.1;
  to_start = seconds_between(window.from_ms, first);
  to_end = seconds_between(last, window.to_ms);
  if (to_start >= limit) to_start = average / 2;
  if (to_end >= limit) to_end = average / 2;
  factor = (sampled + to_start + to_end) / sampled / divisor;
  return *this;
}

double window_rate(const Window& window) { return extrapolated(window, true, window.seconds); }

double window_increase(const Window& window) { return extrapolated(window, true); }

double window_delta(const Window& window) { return extrapolated(window, false); }

double window_irate(const Window& window) {
  std::span<const Sample> samples = window.samples;
  if (samples.size() < 2) return stale_nan();
  const Sample& last = samples[samples.size() - 1];
  const Sample& before = samples[samples.size() - 2];
  double change = last.value < before.value ? last.value : last.value - before.value;
  return change / seconds_between(before.ms, last.ms);
}

double window_idelta(const Window& window) {
  std::span<const Sample> samples = window.samples;
  if (samples.size() < 2) return stale_nan();
  return samples[samples.size() - 1].value - samples[samples.size() - 2].value;
}

double window_changes(const Window& window) {
  double changes = 0;
  for (size_t i = 1; i < window.samples.size(); ++i) {
    double a = window.samples[i - 1].value, b = window.samples[i].value;
    changes += a != b && !(std::isnan(a) && std::isnan(b)) ? 1 : 0;
  }
  return changes;
}

double window_resets(const Window& window) {
  double resets = 0;
  for (size_t i = 1; i < window.samples.size(); ++i) {
    resets += window.samples[i].value < window.samples[i - 1].value ? 1 : 0;
  }
  return resets;
}

double window_deriv(const Window& window) {
  if (window.samples.size() < 2) return stale_nan();
  return fit(window.samples, window.samples.front().ms).slope;
}

double window_predict_linear(const Window& window) {
  if (window.samples.size() < 2) return stale_nan();
  Line line = fit(window.samples, window.at_ms);
  return line.slope * window.scalars[0] + line.intercept;
}

}  // namespace ordeal::promql
