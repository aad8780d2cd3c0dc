#include <algorithm>
#include <cmath>

#include "prometheus/promql/functions/functions.h"

namespace ordeal::promql {
namespace {

std::vector<double> values_of(const Window& window) {
  std::vector<double> values;
  for (const Sample& sample : window.samples) values.push_back(sample.value);
  return values;
}

// NaN only when every value is.
template <typename Better>
double extreme(const Window& window, Better better) {
  double best = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (std::isnan(best) || better(sample.value, best)) best = sample.value;
  }
  return best;
}

// Welford's method, with compensated sums.
double variance(const Window& window) {
  double count = 0;
  Sum mean, squares;
  for (const Sample& sample : window.samples) {
    double before = sample.value - mean.total();
    mean.add(before / ++count);
    squares.add(before * (sample.value - mean.total()));
  }
  return squares.total() / count;
}

}  // namespace

double window_sum(const Window& window) {
  Sum sum;
  for (const Sample& sample : window.samples) sum.add(sample.value);
  return sum.total();
}

double window_avg(const Window& window) { return mean_of(values_of(window)); }

double window_min(const Window& window) { return extreme(window, std::less<>()); }

double window_max(const Window& window) { return extreme(window, std::greater<>()); }

double window_count(const Window& window) { return static_cast<double>(window.samples.size()); }

double window_first(const Window& window) { return window.samples.front().value; }

double window_last(const Window& window) { return window.samples.back().value; }

double window_present(const Window&) { return 1; }

double window_quantile(const Window& window) { return quantile_of(window.scalars[0], values_of(window)); }

double window_stddev(const Window& window) { return std::sqrt(variance(window)); }

double window_stdvar(const Window& window) { return variance(window); }

}  // namespace ordeal::promql
