#include "promql/store/series_store.h"

#include <algorithm>

namespace ordeal::promql {
namespace {

// All matchers at once. What a regular expression says of a value is remembered: few values, many series.
class Filter {
 public:
  // `known` is one that all series are known to match; null is none.
  Filter(std::span<const Matcher> matchers, const Matcher* known) {
    for (const Matcher& matcher : matchers)
      if (&matcher != known) conditions_.push_back({&matcher, {}});
  }
  bool accepts(const Labels& labels) {
    return std::all_of(conditions_.begin(), conditions_.end(), [&](Condition& condition) {
      std::string_view value = labels.get(condition.matcher->name());
      if (condition.matcher->type() == MatchType::kEqual) return value == condition.matcher->value();
      auto [at, fresh] = condition.known.try_emplace(value, false);
      if (fresh) at->second = condition.matcher->matches(value);
      return at->second;
    });
  }

 private:
  struct Condition {
    const Matcher* matcher;
    std::unordered_map<std::string_view, bool> known;
  };
  std::vector<Condition> conditions_;
};

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
  if (listener_) listener_(labels, ms, value);
  return true;
}

SeriesStore::Stored* SeriesStore::find_or_create(const Labels& labels) {
  if (auto found = series_.find(labels); found != series_.end()) return &found->second;
  if (labels.bytes() > limits_.label_bytes) {
    ++dropped_.labels_too_long;
    return nullptr;
  }
  if (series_.size() >= limits_.series) sweep();
  if (series_.size() >= limits_.series) {
    ++dropped_.too_many_series;
    return nullptr;
  }
  auto entry = series_.try_emplace(labels).first;
  by_name_[std::string(labels.get(kMetricName))].entries.push_back(&*entry);
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
    named->second.erase(&*at);
    if (named->second.entries.empty()) by_name_.erase(named);
    at = series_.erase(at);
  }
}

void SeriesStore::Named::erase(const Entry* entry) {
  auto at = std::find(entries.begin(), entries.end(), entry);
  if (static_cast<size_t>(at - entries.begin()) < sorted) --sorted;
  entries.erase(at);
}

const std::vector<const SeriesStore::Entry*>& SeriesStore::Named::in_order() {
  if (sorted == entries.size()) return entries;
  auto by_labels = [](const Entry* a, const Entry* b) { return a->first < b->first; };
  auto middle = entries.begin() + static_cast<ptrdiff_t>(sorted);
  std::sort(middle, entries.end(), by_labels);
  std::inplace_merge(entries.begin(), middle, entries.end(), by_labels);
  sorted = entries.size();
  return entries;
}

std::vector<Series> SeriesStore::select(std::span<const Matcher> matchers) const {
  std::vector<Series> found;
  auto name = std::find_if(matchers.begin(), matchers.end(), [](const Matcher& matcher) {
    return matcher.name() == kMetricName && matcher.type() == MatchType::kEqual;
  });
  Filter filter(matchers, name == matchers.end() ? nullptr : &*name);
  auto take = [&](Named& named) {
    found.reserve(found.size() + named.entries.size());
    for (const Entry* entry : named.in_order())
      if (filter.accepts(entry->first)) found.push_back({entry->first, entry->second.live()});
  };
  if (name != matchers.end()) {
    if (auto named = by_name_.find(name->value()); named != by_name_.end()) take(named->second);
    return found;
  }
  for (auto& [metric, named] : by_name_) take(named);
  std::sort(found.begin(), found.end(), [](const Series& a, const Series& b) { return a.labels < b.labels; });
  return found;
}

}  // namespace ordeal::promql
