#include "prometheus/promql/store/series_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::promql {
bool SeriesStore::append(const Labels& labels, int64_t ms, double value) {
  newest_ms_ = std::max(newest_ms_, ms);
  if (swept_ms_ == std::numeric_limits<int64_t>::min() || newest_ms_ - swept_ms_ > limits_.keep_ms) sweep();
  StoredSeries* stored = find_or_create(labels);
  if (!stored) return false;
  if (stored->buffer.size() > stored->head && stored->buffer.back().ms >= ms) {
    ++dropped_.out_of_order;
    return false;
  }
  expire(*stored);
  if (stored->live().size() >= limits_.samples_per_series) drop_oldest(*stored, 1);
  if (samples_ >= limits_.samples) {
    if (stored->live().empty()) {
      ++dropped_.too_many_samples;
      return false;
    }
    drop_oldest(*stored, 1);
  }
  stored->buffer.push_back({ms, value});
  ++samples_;
  if (listener_) listener_(labels, ms, value);
  return true;
}

std::vector<std::string> SeriesStore::losses() const {
  std::vector<std::string> all;
  if (dropped_.too_many_series > 0)
    all.push_back(fmt::format("series beyond the first {} are left out", limits_.series));
  if (dropped_.too_many_samples > 0)
    all.push_back(fmt::format("samples beyond {} of all series are left out", limits_.samples));
  if (dropped_.labels_too_long > 0)
    all.push_back(fmt::format("series whose labels are longer than {} bytes are left out", limits_.label_bytes));
  return all;
}

StoredSeries* SeriesStore::find_or_create(const Labels& labels) {
  std::string_view name = labels.get(kMetricName);
  size_t hash = labels.hash();
  if (auto metric = metrics_.find(name); metric != metrics_.end())
    if (StoredSeries* known = metric->second.find(labels, hash)) return known;
  if (labels.bytes() > limits_.label_bytes) {
    ++dropped_.labels_too_long;
    return nullptr;
  }
  if (series_ >= limits_.series) sweep();
  if (series_ >= limits_.series) {
    ++dropped_.too_many_series;
    return nullptr;
  }
  ++series_;
  return &metrics_.try_emplace(std::string(name)).first->second.add(labels, hash);
}

void SeriesStore::drop_oldest(StoredSeries& stored, size_t count) {
  stored.head += count;
  samples_ -= count;
  if (stored.head * 2 < stored.buffer.size()) return;
  stored.buffer.erase(stored.buffer.begin(), stored.buffer.begin() + static_cast<ptrdiff_t>(stored.head));
  stored.head = 0;
}

void SeriesStore::expire(StoredSeries& stored) {
  auto live = stored.live();
  auto kept = std::find_if(live.begin(), live.end(),
                           [&](const Sample& sample) { return sample.ms >= newest_ms_ - limits_.keep_ms; });
  if (kept != live.begin()) drop_oldest(stored, static_cast<size_t>(kept - live.begin()));
}

void SeriesStore::sweep() {
  // Nothing ends while the newest sample stays the newest: a store that is full must not be swept for each new series.
  if (swept_ms_ == newest_ms_) return;
  swept_ms_ = newest_ms_;
  series_ = 0;
  for (auto at = metrics_.begin(); at != metrics_.end();) {
    MetricSeries& metric = at->second;
    for (StoredSeries& stored : metric.all()) expire(stored);
    metric.erase_empty();
    series_ += metric.all().size();
    at = metric.all().empty() ? metrics_.erase(at) : std::next(at);
  }
}

Selection SeriesStore::select(std::span<const Matcher> matchers) const {
  Selection found;
  const Matcher* exact = nullptr;
  std::vector<const Matcher*> of_name, of_labels;
  for (const Matcher& matcher : matchers) {
    bool name = matcher.name() == kMetricName;
    if (name && matcher.type() == MatchType::kEqual) exact = &matcher;
    (name ? of_name : of_labels).push_back(&matcher);
  }
  auto take = [&](std::string_view name, MetricSeries& metric) {
    auto matches = [name](const Matcher* matcher) { return matcher->matches(name); };
    if (std::all_of(of_name.begin(), of_name.end(), matches)) metric.select(of_labels, found);
  };
  if (exact) {
    auto metric = metrics_.find(exact->value());
    if (metric == metrics_.end()) return found;
    take(metric->first, metric->second);
    found.one_metric = !metric->second.has_metadata();
    found.index = &metric->second;
    return found;
  }
  for (auto& [name, metric] : metrics_) take(name, metric);
  found.rows.clear();
  std::sort(found.series.begin(), found.series.end(),
            [](const Series& a, const Series& b) { return a.labels < b.labels; });
  return found;
}

}  // namespace ordeal::promql
