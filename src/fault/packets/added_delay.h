// AddedDelay: how long packets were really held, as a histogram for the proof of a latency attack. Pure.
// Log-linear buckets of 1 us and up (the layout of HdrHistogram, 10 bits): a quantile is right to 0.1 %, at least
// 1 us; minimum, maximum and mean are exact. Range 0 to 19 hours; what is longer counts as that.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"

namespace ordeal::packets {

class AddedDelay {
 public:
  void add(Nanos delay);

  uint64_t count() const { return count_; }
  // All zero while the count is zero.
  Nanos min() const { return count_ == 0 ? Nanos(0) : min_; }
  Nanos max() const { return max_; }
  Nanos mean() const;
  // share in [0, 1]; 0.5 is the median. Nearest rank.
  Nanos quantile(double share) const;

 private:
  std::vector<uint32_t> buckets_;  // empty until the first packet
  uint64_t count_ = 0;
  Nanos min_ = Nanos::max();
  Nanos max_{0};
  double sum_ = 0;
};

}  // namespace ordeal::packets
