#include "prometheus/promql/eval/value.h"

#include <algorithm>

namespace ordeal::promql {

void settle_names(Vector& vector, LabelTable& table, const EvalOptions& options) {
  if (options.delayed_name_removal) return;
  for (Element& element : vector) {
    if (!element.drop_name) continue;
    element.labels = table.without_metadata(element.labels);
    element.drop_name = false;
  }
}

bool may_collide(std::string_view metric, LabelsView other) {
  std::string_view name;
  for (const auto& [label, value] : other) {
    if (label == kMetricName) name = value;
    if (label == "__type__" || label == "__unit__") return true;
    if (label > "__unit__") break;
  }
  return name != metric;
}

// The plain sum divided, until it overflows; from there on the mean is updated value by value.
double mean_of(std::span<const double> values) {
  Sum sum;
  size_t i = 0;
  for (; i < values.size(); ++i) {
    Sum next = sum;
    next.add(values[i]);
    if (i > 0 && std::isinf(next.plain())) break;
    sum = next;
  }
  sum.divide(static_cast<double>(i));
  for (; i < values.size(); ++i) {
    auto count = static_cast<double>(i + 1);
    sum.multiply((count - 1) / count);
    sum.add(values[i] / count);
  }
  return sum.total();
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
  if (weight == 0) return values[lower];
  return values[lower] * (1 - weight) + values[upper] * weight;
}

}  // namespace ordeal::promql
