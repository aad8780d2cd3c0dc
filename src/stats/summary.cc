#include "stats/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ordeal {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double mean(const std::vector<double>& values) {
  if (values.empty()) return kNan;
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

double quantile(std::vector<double> values, double q) {
  if (values.empty() || std::isnan(q)) return kNan;
  std::sort(values.begin(), values.end());
  double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  auto lower = static_cast<size_t>(rank);
  size_t upper = std::min(lower + 1, values.size() - 1);
  double weight = rank - static_cast<double>(lower);
  return weight == 0 ? values[lower] : values[lower] * (1 - weight) + values[upper] * weight;
}

double standard_deviation(const std::vector<double>& values) {
  if (values.empty()) return kNan;
  if (values.size() == 1) return 0;
  double average = mean(values);
  double squares = 0;
  for (double value : values) squares += (value - average) * (value - average);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace ordeal
