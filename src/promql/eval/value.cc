#include "promql/eval/value.h"

#include <algorithm>
#include <cmath>

namespace ordeal::promql {

void drop_name(Element& element, const EvalOptions& options) {
  if (options.delayed_name_removal) {
    element.drop_name = true;
  } else {
    element.labels.erase(kMetricName);
  }
}

void Sum::add(double value) {
  double next = sum_ + value;
  if (std::isinf(next)) {
    compensation_ = 0;
  } else if (std::abs(sum_) >= std::abs(value)) {
    compensation_ += (sum_ - next) + value;
  } else {
    compensation_ += (value - next) + sum_;
  }
  sum_ = next;
}

double mean_of(std::span<const double> values) {
  Sum sum;
  for (double value : values) sum.add(value);
  auto count = static_cast<double>(values.size());
  if (!std::isinf(sum.total())) return sum.total() / count;
  // Either a value is infinite, or the sum of finite ones went over the top: then each is divided first.
  Sum scaled;
  for (double value : values) scaled.add(value / count);
  return scaled.total();
}

bool nan_first(double a, double b) { return (std::isnan(a) && !std::isnan(b)) || a < b; }

double quantile_of(double q, std::vector<double> values) {
  if (values.empty() || std::isnan(q)) return std::numeric_limits<double>::quiet_NaN();
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), nan_first);
  double rank = q * static_cast<double>(values.size() - 1);
  auto lower = static_cast<size_t>(rank);
  size_t upper = std::min(lower + 1, values.size() - 1);
  double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

}  // namespace ordeal::promql
