// Mean, median and quantiles of a few values, exactly. NaN for an empty list.
// For many values use Histogram. Quantiles interpolate between neighbours (type 7 of Hyndman & Fan, as R and NumPy do).
#pragma once

#include <vector>

namespace ordeal {

double mean(const std::vector<double>& values);
double median(std::vector<double> values);
// q is clamped to 0..1.
double quantile(std::vector<double> values, double q);
// Of a sample (divides by n - 1); 0 for one value.
double standard_deviation(const std::vector<double>& values);

}  // namespace ordeal
