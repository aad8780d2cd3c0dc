// SeriesStore: samples in memory, for Ordeal's own scraper. Not safe for use by two threads, and nothing is persisted.
// Bounds (see Limits): a series keeps the samples of the last `keep_ms` before the newest sample of the whole store,
// and at most `samples_per_series`; what is over the other limits is dropped and counted, never an error.
// Memory: a live sample takes 16 bytes and its buffer at most four times that, so with the defaults at most
// 2 M * 64 B = 128 MiB of samples; 10 000 * about 5 KiB = 50 MiB of labels; and 10 000 * 1.3 KiB = 13 MiB of index: at
// most 80 bytes a series (50 measured) for each label of a metric that queries ask for, at most 16 of them. Typically a
// tenth of it.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "prometheus/promql/store/metric_series.h"

namespace ordeal::promql {

class SeriesStore : public Storage {
 public:
  struct Limits {
    int64_t keep_ms = 10 * 60 * 1000;
    size_t series = 10'000;
    size_t samples_per_series = 10'000;
    size_t samples = 2'000'000;
    size_t label_bytes = 4096;  // of one series
  };
  struct Dropped {
    uint64_t too_many_series = 0;
    uint64_t too_many_samples = 0;
    uint64_t labels_too_long = 0;
    uint64_t out_of_order = 0;  // not newer than the newest sample of its series
    uint64_t total() const { return too_many_series + too_many_samples + labels_too_long + out_of_order; }
  };

  SeriesStore() : SeriesStore(Limits{}) {}
  explicit SeriesStore(Limits limits) : limits_(limits) {}

  // False when the sample was dropped. Samples of one series come in the order of time.
  bool append(const Labels& labels, int64_t ms, double value);
  // Called with every sample that is taken.
  using Listener = std::function<void(const Labels& labels, int64_t ms, double value)>;
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  // By labels. The first that asks for a label of a metric pays for its index.
  Selection select(std::span<const Matcher> matchers) const override;

  size_t series_count() const { return series_; }
  size_t sample_count() const { return samples_; }
  const Dropped& dropped() const { return dropped_; }
  // What a limit has cost, a sentence for each that was reached.
  std::vector<std::string> losses() const;

 private:
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };

  StoredSeries* find_or_create(const Labels& labels);
  void drop_oldest(StoredSeries& stored, size_t count);
  void expire(StoredSeries& stored);
  void sweep();

  Limits limits_;
  Listener listener_;
  // Mutable for what selecting sorts and indexes.
  mutable std::unordered_map<std::string, MetricSeries, NameHash, std::equal_to<>> metrics_;
  size_t series_ = 0;
  size_t samples_ = 0;
  int64_t newest_ms_ = std::numeric_limits<int64_t>::min();
  int64_t swept_ms_ = std::numeric_limits<int64_t>::min();
  Dropped dropped_;
};

}  // namespace ordeal::promql
