#include "promql/store/series_store.h"

#include <algorithm>

namespace ordeal::promql {
namespace {

size_t bytes_of(const Labels& labels) {
  size_t bytes = 0;
  for (const auto& [name, value] : labels) bytes += name.size() + value.size();
  return bytes;
}

bool all_match(std::span<const Matcher> matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const Matcher& matcher) { return matcher.matches(labels.get(matcher.name())); });
}

std::span<const Sample> between(std::span<const Sample> samples, int64_t from_ms, int64_t to_ms) {
  auto first = std::lower_bound(samples.begin(), samples.end(), from_ms,
                                [](const Sample& sample, int64_t ms) { return sample.ms < ms; });
  auto last =
      std::upper_bound(first, samples.end(), to_ms, [](int64_t ms, const Sample& sample) { return ms < sample.ms; });
  return samples.subspan(static_cast<size_t>(first - samples.begin()), static_cast<size_t>(last - first));
}

}  // namespace

bool SeriesStore::append(const Labels& labels, int64_t ms, double value) {
  newest_ms_ = std::max(newest_ms_, ms);
  if (swept_ms_ == std::numeric_limits<int64_t>::min() || newest_ms_ - swept_ms_ > limits_.keep_ms) sweep();
  Stored* stored = find_or_create(labels);
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
  return true;
}

SeriesStore::Stored* SeriesStore::find_or_create(const Labels& labels) {
  if (auto found = series_.find(labels); found != series_.end()) return &found->second;
  if (bytes_of(labels) > limits_.label_bytes) {
    ++dropped_.labels_too_long;
    return nullptr;
  }
  if (series_.size() >= limits_.series) sweep();
  if (series_.size() >= limits_.series) {
    ++dropped_.too_many_series;
    return nullptr;
  }
  auto entry = series_.try_emplace(labels).first;
  by_name_[std::string(labels.get(kMetricName))].push_back(&*entry);
  return &entry->second;
}

void SeriesStore::drop_oldest(Stored& stored, size_t count) {
  stored.head += count;
  samples_ -= count;
  if (stored.head * 2 < stored.buffer.size()) return;
  stored.buffer.erase(stored.buffer.begin(), stored.buffer.begin() + static_cast<ptrdiff_t>(stored.head));
  stored.head = 0;
}

void SeriesStore::expire(Stored& stored) {
  auto live = stored.live();
  auto kept = std::find_if(live.begin(), live.end(),
                           [&](const Sample& sample) { return sample.ms >= newest_ms_ - limits_.keep_ms; });
  if (kept != live.begin()) drop_oldest(stored, static_cast<size_t>(kept - live.begin()));
}

void SeriesStore::sweep() {
  swept_ms_ = newest_ms_;
  for (auto at = series_.begin(); at != series_.end();) {
    expire(at->second);
    if (!at->second.live().empty()) {
      ++at;
      continue;
    }
    auto named = by_name_.find(std::string(at->first.get(kMetricName)));
    std::erase(named->second, &*at);
    if (named->second.empty()) by_name_.erase(named);
    at = series_.erase(at);
  }
}

std::vector<Series> SeriesStore::select(std::span<const Matcher> matchers, int64_t from_ms, int64_t to_ms) const {
  std::vector<Series> found;
  auto take = [&](const Map::value_type& entry) {
    if (!all_match(matchers, entry.first)) return;
    auto samples = between(entry.second.live(), from_ms, to_ms);
    if (!samples.empty()) found.push_back({entry.first, samples});
  };
  auto name = std::find_if(matchers.begin(), matchers.end(), [](const Matcher& matcher) {
    return matcher.name() == kMetricName && matcher.type() == MatchType::kEqual;
  });
  if (name == matchers.end()) {
    for (const auto& entry : series_) take(entry);
  } else if (auto named = by_name_.find(name->value()); named != by_name_.end()) {
    for (const auto* entry : named->second) take(*entry);
  }
  std::sort(found.begin(), found.end(), [](const Series& a, const Series& b) { return a.labels < b.labels; });
  return found;
}

}  // namespace ordeal::promql
