#include "run/report/html/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text/quantity.h"
#include "run/report/html/scale.h"

namespace ordeal::report {
namespace {

constexpr double kBeyondMiddle = 10;  // the rule of the header
constexpr double kMostDecades = 6;
constexpr double kLeastApart = 0.09;  // of the height: a label above the lowest one

std::vector<double> values_of(const std::vector<Line>& lines) {
  std::vector<double> values;
  for (const Line& line : lines)
    for (const Point& point : line) values.push_back(point.value);
  std::sort(values.begin(), values.end());
  return values;
}

// 0 when there is none.
double middle_above_zero(const std::vector<double>& sorted) {
  auto first = std::upper_bound(sorted.begin(), sorted.end(), 0.0);
  return first == sorted.end() ? 0 : *(first + (sorted.end() - first) / 2);
}

double power_below(double value) { return std::pow(10, std::floor(std::log10(value) + 1e-9)); }

// 1, 2 or 5 times a power of ten.
double round_down(double value) {
  double power = power_below(value), digit = value / power + 1e-9;
  return power * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
}
double round_up(double value) {
  double power = power_below(value), digit = value / power - 1e-9;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

std::vector<double> round_numbers(double low, double high) {
  std::vector<double> all;
  for (double value = round_down(low); value < high * (1 + 1e-6); value = round_up(value * 1.5)) all.push_back(value);
  if (all.back() < high * (1 - 1e-6)) all.push_back(round_up(high));
  return all;
}

std::vector<double> powers(double low, double high, size_t most) {
  double first = std::floor(std::log10(low) + 1e-9), last = std::ceil(std::log10(high) - 1e-9);
  double step = std::max(1.0, std::ceil((last - first) / static_cast<double>(std::max<size_t>(most, 1))));
  std::vector<double> all;
  for (double i = first; i < last + step; i += step) all.push_back(std::pow(10, i));
  return all;
}

std::vector<std::string> tick_labels(const std::vector<double>& values, const Scale& scale) {
  std::vector<std::string> all;
  for (double value : values) all.push_back(format_on(scale, value));
  for (int digits = 1; digits < 9 && std::adjacent_find(all.begin(), all.end()) != all.end(); ++digits) {
    all.clear();
    for (double value : values)
      all.push_back(
          fmt::format("{:.{}f}{}", value * scale.factor, digits, scale.suffix.empty() ? "" : "\u00a0" + scale.suffix));
  }
  return all;
}

}  // namespace

Axis::Axis(const std::vector<Line>& lines, const std::optional<Threshold>& limit, const std::string& unit,
           size_t most) {
  std::vector<double> values = values_of(lines);
  double low = values.empty() ? 0 : std::min(values.front(), 0.0), high = values.empty() ? 0 : values.back();
  if (limit) {
    // A little room beyond the limit, so that its line is not the plot's edge.
    low = std::min(low, limit->value * 1.1);
    high = std::max(high, limit->value * 1.1);
  }
  double middle = middle_above_zero(values);
  logarithmic_ = low >= 0 && middle > 0 && high > kBeyondMiddle * middle;
  if (!logarithmic_) {
    make_linear(low, high, unit, most);
    return;
  }
  double least = *std::upper_bound(values.begin(), values.end(), 0.0);
  if (limit && limit->value > 0) least = std::min(least, limit->value);
  make_logarithmic(std::max(least, high / std::pow(10, kMostDecades)), high, unit, most);
  if (values.front() < low_) ticks_.front().label = "≤\u00a0" + ticks_.front().label;
}

void Axis::make_linear(double low, double high, const std::string& unit, size_t most) {
  if (high <= low) high = low + 1;
  std::vector<double> values = nice_ticks(low, high, most);
  low_ = values.front();
  high_ = values.back();
  std::vector<std::string> texts = tick_labels(values, scale_for(std::max(std::abs(low_), std::abs(high_)), unit));
  for (size_t i = 0; i < values.size(); ++i) ticks_.push_back({values[i], texts[i]});
}

void Axis::make_logarithmic(double low, double high, const std::string& unit, size_t most) {
  std::vector<double> values = round_numbers(low, high);
  low_ = values.front();
  high_ = values.back();
  if (values.size() > most + 1) values = powers(low_, high_, most);
  ticks_.push_back({low_, format_value(low_, unit)});
  for (double value : values)
    if (share(value) >= kLeastApart && value <= high_ * (1 + 1e-6))
      ticks_.push_back({value, format_value(value, unit)});
}

double Axis::share(double value) const {
  if (!logarithmic_) return std::clamp((value - low_) / (high_ - low_), 0.0, 1.0);
  if (value <= low_) return 0;
  return std::clamp(std::log10(value / low_) / std::log10(high_ / low_), 0.0, 1.0);
}

}  // namespace ordeal::report
