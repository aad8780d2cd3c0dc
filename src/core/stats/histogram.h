// Histogram: counts of non-negative values in log-linear buckets: every power of two is cut into 64 equal parts.
// Not for negative values: those, and NaN, are counted in rejected() and nowhere else.
// quantile() is off by at most kRelativeError of the true value between kLeast and kMost (one nanosecond to thirty
// years, when the unit is a second); smaller values count as 0, larger ones as kMost. min, max and sum are exact.
// Histograms have one layout, so any two can be merged; one takes 30 KiB once it holds a value.
#pragma once

#include <cstdint>
#include <vector>

namespace ordeal {

class Histogram {
 public:
  static constexpr double kRelativeError = 1.0 / 128;
  static constexpr double kLeast = 1.0 / (1 << 30);
  static constexpr double kMost = 1 << 30;

  void record(double value, uint64_t times = 1);
  void merge(const Histogram& other);
  void clear();

  uint64_t count() const { return count_; }
  uint64_t rejected() const { return rejected_; }
  double sum() const { return sum_; }
  // NaN when empty, like mean() and quantile().
  double min() const;
  double max() const;
  double mean() const;
  // q is clamped to 0..1; quantile(0) is min(), quantile(1) is max().
  double quantile(double q) const;

 private:
  double value_at(uint64_t rank) const;

  std::vector<uint64_t> buckets_;
  uint64_t zeros_ = 0;
  uint64_t count_ = 0;
  uint64_t rejected_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace ordeal
