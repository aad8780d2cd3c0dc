// The seam between the evaluator and whatever keeps samples: Sample, Series, Storage.
// Times are milliseconds since the Unix epoch, as in Prometheus. A Storage hands out views: they are valid until
// the storage changes. Staleness is the evaluator's affair: a Storage returns StaleNaN markers like any sample.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "promql/store/labels.h"
#include "promql/syntax/matcher.h"

namespace ordeal::promql {

struct Sample {
  int64_t ms = 0;
  double value = 0;
};

// The value that says "this series ended here": a NaN told from others by its bits.
constexpr uint64_t kStaleBits = 0x7ff0000000000002;
inline double stale_nan() { return std::bit_cast<double>(kStaleBits); }
inline bool is_stale(double value) { return std::bit_cast<uint64_t>(value) == kStaleBits; }

struct Series {
  Labels labels;
  std::span<const Sample> samples;  // by time, each time once

  // Those in (from_ms, to_ms].
  std::span<const Sample> between(int64_t from_ms, int64_t to_ms) const;
};

class Storage {
 public:
  virtual ~Storage() = default;
  // The series that match all matchers, with all their samples.
  virtual std::vector<Series> select(std::span<const Matcher> matchers) const = 0;
};

// How Prometheus writes a value: shortest text that reads back the same, NaN, +Inf, -Inf.
std::string value_text(double value);

}  // namespace ordeal::promql
