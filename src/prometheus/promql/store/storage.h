// The seam between the evaluator and whatever keeps samples: Sample, Series, Storage.
// Times are milliseconds since the Unix epoch, as in Prometheus. A Storage hands out views: they are valid until
// the storage changes. Staleness is the evaluator's affair: a Storage returns StaleNaN markers like any sample.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "prometheus/promql/store/labels.h"
#include "prometheus/promql/syntax/matcher.h"

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
  LabelsView labels;
  std::span<const Sample> samples;  // by time, each time once

  // Those in (from_ms, to_ms].
  std::span<const Sample> between(int64_t from_ms, int64_t to_ms) const;
};

// What a storage may know of the labels of one metric beside their text. Its series are known by their rows.
class LabelIndex {
 public:
  struct Values {
    std::span<const uint32_t> of_row;  // equal numbers are equal values
    size_t numbers = 0;                // are below this
  };

  virtual ~LabelIndex() = default;
  // The labels that the series have, and perhaps others; nothing when that is not known.
  virtual std::optional<std::span<const std::string>> names() const = 0;
  // Nothing when they are not known. Valid until the next call.
  virtual std::optional<Values> values(const std::string& name) const = 0;
};

struct Selection {
  std::vector<Series> series;  // by labels
  // All are of one metric, and none has a label __type__ or __unit__: without those three their labels differ still.
  bool one_metric = false;
  const LabelIndex* index = nullptr;  // of one metric, where there is one
  std::vector<uint32_t> rows;         // in the index, by series
};

class Storage {
 public:
  virtual ~Storage() = default;
  // The series that match all matchers, with all their samples.
  virtual Selection select(std::span<const Matcher> matchers) const = 0;
};

// How Prometheus writes a value: shortest text that reads back the same, NaN, +Inf, -Inf.
std::string value_text(double value);

}  // namespace ordeal::promql
