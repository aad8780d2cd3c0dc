// SeriesStore: samples in memory, for Ordeal's own scraper. Not safe for use by two threads, and nothing is persisted.
// Bounds (see Limits): a series keeps the samples of the last `keep_ms` before the newest sample of the whole store,
// and at most `samples_per_series`; what is over the other limits is dropped and counted, never an error.
// Memory: a live sample takes 16 bytes and its buffer at most four times that, so with the defaults at most
// 2 M * 64 B = 128 MiB of samples and 10 000 * about 5 KiB = 50 MiB of labels; typically a tenth of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "promql/store/storage.h"

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

  // By labels.
  std::vector<Series> select(std::span<const Matcher> matchers) const override;

  size_t series_count() const { return series_.size(); }
  size_t sample_count() const { return samples_; }
  const Dropped& dropped() const { return dropped_; }

 private:
  struct Stored {
    std::vector<Sample> buffer;
    size_t head = 0;  // samples before it are gone

    std::span<const Sample> live() const { return std::span(buffer).subspan(head); }
  };
  using Map = std::unordered_map<Labels, Stored, LabelsHash>;
  using Entry = Map::value_type;
  // The series of one metric. New ones come last, and are put in their place when somebody asks.
  struct Named {
    std::vector<const Entry*> entries;
    size_t sorted = 0;  // of the first entries

    void erase(const Entry* entry);
    const std::vector<const Entry*>& in_order();
  };

  Stored* find_or_create(const Labels& labels);
  void drop_oldest(Stored& stored, size_t count);
  void expire(Stored& stored);
  void sweep();

  Limits limits_;
  Listener listener_;
  Map series_;
  mutable std::unordered_map<std::string, Named> by_name_;
  size_t samples_ = 0;
  int64_t newest_ms_ = std::numeric_limits<int64_t>::min();
  int64_t swept_ms_ = std::numeric_limits<int64_t>::min();
  Dropped dropped_;
};

}  // namespace ordeal::promql
