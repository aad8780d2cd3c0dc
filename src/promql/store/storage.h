// The seam between the evaluator and whatever keeps samples: Labels, Sample, Series, Storage.
// Times are milliseconds since the Unix epoch, as in Prometheus. A Storage hands out views: they are valid until
// the storage changes. Staleness is the evaluator's affair: a Storage returns StaleNaN markers like any sample.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "promql/syntax/matcher.h"

namespace ordeal::promql {

constexpr std::string_view kMetricName = "__name__";

// A label set: sorted by name, each name once, no empty value (an empty label is an absent one).
class Labels {
 public:
  using Pair = std::pair<std::string, std::string>;

  Labels() = default;
  Labels(std::initializer_list<Pair> pairs) : Labels(std::vector<Pair>(pairs)) {}
  // In any order; of a name given twice the last counts.
  explicit Labels(std::vector<Pair> pairs);

  // "" when absent.
  std::string_view get(std::string_view name) const;
  // An empty value erases.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name) { set(name, {}); }

  bool empty() const { return pairs_.empty(); }
  size_t size() const { return pairs_.size(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }
  size_t hash() const;
  // http_requests_total{code="500"}, as Prometheus prints it; {} when empty.
  std::string text() const;

  bool operator==(const Labels&) const = default;
  bool operator<(const Labels& other) const { return pairs_ < other.pairs_; }

 private:
  std::vector<Pair> pairs_;
};

struct LabelsHash {
  size_t operator()(const Labels& labels) const { return labels.hash(); }
};

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
};

class Storage {
 public:
  virtual ~Storage() = default;
  // The series that match all matchers, with their samples in [from_ms, to_ms]; those without one may be left out.
  virtual std::vector<Series> select(std::span<const Matcher> matchers, int64_t from_ms, int64_t to_ms) const = 0;
};

// How Prometheus writes a value: shortest text that reads back the same, NaN, +Inf, -Inf.
std::string value_text(double value);
// "text" with Go's escapes.
std::string quoted(std::string_view text);

}  // namespace ordeal::promql
