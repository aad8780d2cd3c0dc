// SelectedSeries: the series that a selector has taken, and their samples at the steps of a query. A window is looked
// for where it was in the series before, counted from the newest sample: what is scraped together ages together, and
// steps move little. Internal to src/prometheus/promql.
#pragma once

#include <algorithm>

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

class SelectedSeries {
 public:
  // `labels` gets the label sets.
  SelectedSeries(Selection selection, LabelTable& labels) : one_metric_(selection.one_metric) {
    first_ = labels.add(selection);
    series_ = std::move(selection.series);
  }

  size_t size() const { return series_.size(); }
  bool one_metric() const { return one_metric_; }

  // visit(labels, sample) with the newest sample in (from_ms, to_ms] of each series that has one; stale markers too.
  template <typename Visit>
  void each_newest(int64_t from_ms, int64_t to_ms, Visit visit) {
    last_.start = last_.end + 1;
    for (size_t i = 0; i < series_.size(); ++i) {
      prefetch(i + kAhead, last_);
      std::span<const Sample> samples = series_[i].samples;
      size_t end = first_after(samples, to_ms, last_.end);
      if (end > 0 && samples[end - 1].ms > from_ms) visit(labels_of(i), samples[end - 1]);
    }
  }

  // Gives each series' samples to each of the windows, and visit(place of the series, number of the window) where there
  // are some. A series is read once for all windows, whose times never decrease.
  template <typename Visit>
  void each_window(std::span<Window> windows, Visit visit) {
    std::vector<Place> places(windows.size(), last_);
    for (size_t i = 0; i < series_.size(); ++i) {
      prefetch(i + kAhead, {places.front().start, places.back().end});
      std::span<const Sample> samples = series_[i].samples;
      Scan scan(samples);
      for (size_t number = 0; number < windows.size(); ++number) {
        Window& window = windows[number];
        size_t end = first_after(samples, window.to_ms, places[number].end);
        size_t start = first_after(samples, window.from_ms, places[number].start);
        if (start >= end) continue;
        scan.to(start, end);
        window.samples = samples.subspan(start, end - start);
        window.stale = scan.stale_from(start);
        window.falls = scan.falls_from(start);
        visit(i, number);
      }
    }
    last_ = places.back();
  }

  LabelsId labels_of(size_t place) const { return first_ + static_cast<LabelsId>(place); }

 private:
  // Of a window in its series, from the newest sample.
  struct Place {
    size_t start = 0, end = 0;
  };

  // Where the last stale marker and the last fall were among the samples that windows have had.
  class Scan {
   public:
    explicit Scan(std::span<const Sample> samples) : samples_(samples) {}

    void to(size_t start, size_t end) {
      for (at_ = std::max(at_, start); at_ < end; ++at_) {
        double value = samples_[at_].value;
        if (is_stale(value)) stale_ = at_ + 1;
        if (at_ > start && !(value >= samples_[at_ - 1].value)) fall_ = at_;
      }
    }
    bool stale_from(size_t start) const { return stale_ > start; }
    // From the sample after `start` on.
    bool falls_from(size_t start) const { return fall_ > start; }

   private:
    std::span<const Sample> samples_;
    size_t at_ = 0;     // samples before it were looked at
    size_t stale_ = 0;  // behind the last marker
    size_t fall_ = 0;   // the last that is not at least the one before
  };

  // Series before the one that is read, so that memory has the samples by then.
  static constexpr size_t kAhead = 16;

  // The place of the first sample after `ms`; `back` is how far from the end it was last, and then is now.
  static size_t first_after(std::span<const Sample> samples, int64_t ms, size_t& back) {
    size_t at = near(samples, ms, samples.size() - std::min(back, samples.size()));
    back = samples.size() - at;
    return at;
  }

  static size_t near(std::span<const Sample> samples, int64_t ms, size_t at) {
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
    return static_cast<size_t>(std::upper_bound(samples.begin(), samples.end(), ms, later) - samples.begin());
  }

  void prefetch(size_t i, Place window) const {
    if (i >= series_.size()) return;
    constexpr size_t kLine = 64 / sizeof(Sample), kMost = 24 * kLine;
    std::span<const Sample> samples = series_[i].samples;
    size_t end = samples.size() - std::min(window.end, samples.size());
    size_t start = samples.size() - std::min(window.start, samples.size());
    for (size_t at = start; at < std::min(end, start + kMost); at += kLine) __builtin_prefetch(&samples[at]);
    __builtin_prefetch(samples.data() + end);
  }

  std::vector<Series> series_;
  LabelsId first_ = 0;  // of the label set of series_[0]; the others follow
  bool one_metric_ = false;
  Place last_;  // the last window
};

}  // namespace ordeal::promql
