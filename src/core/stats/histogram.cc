#include "core/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ordeal {
namespace {

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
constexpr int kParts = 64;
constexpr int kLeastExponent = -29;  // frexp(kLeast): 0.5 * 2^-29
constexpr int kExponents = 60;
constexpr size_t kBuckets = static_cast<size_t>(kExponents) * kParts;

size_t bucket_of(double value) {
  int exponent = 0;
  double mantissa = std::frexp(value, &exponent);  // in [0.5, 1)
  int part = static_cast<int>((mantissa - 0.5) * 2 * kParts);
  return static_cast<size_t>((exponent - kLeastExponent) * kParts + part);
}

double middle_of(size_t bucket) {
  int exponent = static_cast<int>(bucket / kParts) + kLeastExponent;
  double part = static_cast<double>(bucket % kParts) + 0.5;
  return std::ldexp(0.5 + part / (2 * kParts), exponent);
}

}  // namespace

void Histogram::record(double value, uint64_t times) {
  if (!(value >= 0)) {
    rejected_ += times;
    return;
  }
  if (times == 0) return;
  value = std::min(value, kMost);
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  count_ += times;
  sum_ += value * static_cast<double>(times);
  if (value < kLeast) {
    zeros_ += times;
    return;
  }
  if (buckets_.empty()) buckets_.resize(kBuckets);
  buckets_[std::min(bucket_of(value), kBuckets - 1)] += times;
}

void Histogram::merge(const Histogram& other) {
  rejected_ += other.rejected_;
  if (other.count_ == 0) return;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  sum_ += other.sum_;
  zeros_ += other.zeros_;
  if (other.buckets_.empty()) return;
  if (buckets_.empty()) buckets_.resize(kBuckets);
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
}

void Histogram::clear() { *this = Histogram(); }

double Histogram::min() const { return count_ == 0 ? kNoValue : min_; }

double Histogram::max() const { return count_ == 0 ? kNoValue : max_; }

double Histogram::mean() const { return count_ == 0 ? kNoValue : sum_ / static_cast<double>(count_); }

double Histogram::quantile(double q) const {
  if (count_ == 0 || std::isnan(q)) return kNoValue;
  q = std::clamp(q, 0.0, 1.0);
  if (q == 0) return min_;
  if (q == 1) return max_;
  double rank = std::ceil(q * static_cast<double>(count_));
  return std::clamp(value_at(static_cast<uint64_t>(rank)), min_, max_);
}

double Histogram::value_at(uint64_t rank) const {
  uint64_t seen = zeros_;
  if (rank <= seen) return 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (rank <= seen) return middle_of(i);
  }
  return max_;
}

}  // namespace ordeal
