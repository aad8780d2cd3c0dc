#include "fault/packets/added_delay.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace ordeal::packets {
namespace {

constexpr int kBits = 10;
constexpr uint64_t kHalf = 1u << (kBits - 1);
constexpr int kMaxShift = 26;
constexpr size_t kBuckets = kHalf * (kMaxShift + 2);

size_t bucket_of(Nanos delay) {
  auto micros = static_cast<uint64_t>(std::max<Nanos::rep>(delay.count(), 0)) / 1000;
  int shift = std::max(static_cast<int>(std::bit_width(micros)) - kBits, 0);
  if (shift > kMaxShift) return kBuckets - 1;
  return kHalf * static_cast<uint64_t>(shift) + (micros >> shift);
}

// The middle of the bucket.
Nanos delay_of(size_t bucket) {
  uint64_t shift = bucket < 2 * kHalf ? 0 : bucket / kHalf - 1;
  uint64_t micros = (bucket - kHalf * shift) << shift;
  return Nanos(static_cast<Nanos::rep>(micros * 1000 + (1000ull << shift) / 2));
}

}  // namespace

void AddedDelay::add(Nanos delay) {
  if (buckets_.empty()) buckets_.resize(kBuckets);
  ++buckets_[bucket_of(delay)];
  ++count_;
  min_ = std::min(min_, delay);
  max_ = std::max(max_, delay);
  sum_ += static_cast<double>(delay.count());
}

Nanos AddedDelay::mean() const {
  return count_ == 0 ? Nanos(0) : Nanos(static_cast<Nanos::rep>(sum_ / static_cast<double>(count_)));
}

Nanos AddedDelay::quantile(double share) const {
  if (count_ == 0) return Nanos(0);
  double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  uint64_t rank = std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
  if (rank >= count_) return max_;
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::clamp(delay_of(bucket), min_, max_);
  }
  return max_;
}

}  // namespace ordeal::packets
