// SelectedSeries: the series that a selector has taken, and their samples at the steps of a query. A window is looked
// for near where the last one was, since steps move little. Internal to src/promql.
#pragma once

#include <algorithm>

#include "promql/eval/value.h"

namespace ordeal::promql {

class SelectedSeries {
 public:
  // `labels` gets the label sets.
  SelectedSeries(Selection selection, LabelTable& labels) : one_metric_(selection.one_metric) {
    first_ = labels.add(selection);
    series_ = std::move(selection.series);
    for (const Series& series : series_) places_.push_back(Place(series.samples.size()));
  }

  size_t size() const { return series_.size(); }
  bool one_metric() const { return one_metric_; }

  // visit(labels, sample) with the newest sample in (from_ms, to_ms] of each series that has one; stale markers too.
  template <typename Visit>
  void each_newest(int64_t from_ms, int64_t to_ms, Visit visit) {
    for (size_t i = 0; i < series_.size(); ++i) {
      prefetch(i + kAhead);
      std::span<const Sample> samples = series_[i].samples;
      uint32_t end = places_[i].end = first_after(samples, to_ms, places_[i].end);
      if (end > 0 && samples[end - 1].ms > from_ms) visit(first_ + static_cast<LabelsId>(i), samples[end - 1]);
    }
  }

  // visit(labels, samples) with those in (from_ms, to_ms] of each series that has some.
  template <typename Visit>
  void each_window(int64_t from_ms, int64_t to_ms, Visit visit) {
    for (size_t i = 0; i < series_.size(); ++i) {
      prefetch(i + kAhead);
      std::span<const Sample> samples = series_[i].samples;
      Place& place = places_[i];
      place.end = first_after(samples, to_ms, place.end);
      place.start = first_after(samples, from_ms, std::min(place.start, place.end));
      if (place.start < place.end)
        visit(first_ + static_cast<LabelsId>(i), samples.subspan(place.start, place.end - place.start));
    }
  }

 private:
  // In the samples of a series, of the last window. The first is looked for at the end, where most queries ask.
  struct Place {
    explicit Place(size_t samples) : start(static_cast<uint32_t>(samples)), end(start) {}
    uint32_t start;
    uint32_t end;
  };
  // Series before the one that is read, so that memory has the samples by then.
  static constexpr size_t kAhead = 16;

  static uint32_t first_after(std::span<const Sample> samples, int64_t ms, uint32_t at) {
    constexpr int kNear = 8;
    for (int i = 0; i < kNear; ++i) {
      if (at > 0 && samples[at - 1].ms > ms) {
        --at;
      } else if (at < samples.size() && samples[at].ms <= ms) {
        ++at;
      } else {
        return at;
      }
    }
    auto later = [](int64_t limit, const Sample& sample) { return limit < sample.ms; };
    return static_cast<uint32_t>(std::upper_bound(samples.begin(), samples.end(), ms, later) - samples.begin());
  }

  void prefetch(size_t i) const {
    if (i >= series_.size()) return;
    constexpr size_t kLine = 64 / sizeof(Sample);
    const Sample* newest = series_[i].samples.data() + places_[i].end - 1;
    for (size_t line = 0; line < 3; ++line) __builtin_prefetch(newest - line * kLine);
  }

  std::vector<Series> series_;
  std::vector<Place> places_;  // by series
  LabelsId first_ = 0;         // of the label set of series_[0]; the others follow
  bool one_metric_ = false;
};

}  // namespace ordeal::promql
