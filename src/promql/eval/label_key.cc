#include "promql/eval/label_key.h"

#include <algorithm>

namespace ordeal::promql {

bool LabelKey::counts(std::string_view name) const {
  bool listed = std::find(listed_.begin(), listed_.end(), name) != listed_.end();
  return only_listed_ ? listed : !listed && name != kMetricName;
}

size_t LabelKey::hash(const Labels& labels) const {
  size_t hash = 0xcbf29ce484222325u;
  auto mix = [&hash](std::string_view text) {
    hash = (hash ^ std::hash<std::string_view>{}(text)) * 0x100000001b3u;
    hash ^= hash >> 29;
  };
  if (only_listed_) {
    for (const std::string& name : listed_) mix(labels.get(name));
    return hash;
  }
  for (const auto& [name, value] : labels) {
    if (!counts(name)) continue;
    mix(name);
    mix(value);
  }
  return hash;
}

bool LabelKey::same(const Labels& a, const Labels& b) const {
  if (only_listed_)
    return std::all_of(listed_.begin(), listed_.end(),
                       [&](const std::string& name) { return a.get(name) == b.get(name); });
  auto at = a.begin(), other = b.begin();
  while (true) {
    while (at != a.end() && !counts((*at).first)) ++at;
    while (other != b.end() && !counts((*other).first)) ++other;
    bool ended = !(at != a.end()), other_ended = !(other != b.end());
    if (ended || other_ended) return ended && other_ended;
    if (*at != *other) return false;
    ++at;
    ++other;
  }
}

Labels LabelKey::of(const Labels& labels) const {
  return labels.filtered([this](std::string_view name) { return counts(name); });
}

size_t KeyIndex::find_or_add(const LabelKey& key, const Labels& labels, size_t fresh) {
  size_t hash = key.hash(labels);
  auto [at, end] = places_.equal_range(hash);
  for (; at != end; ++at)
    if (key.same(*at->second.first, labels)) return at->second.second;
  places_.emplace(hash, std::pair(&labels, fresh));
  return fresh;
}

size_t KeyIndex::find(const LabelKey& key, const Labels& labels) const {
  auto [at, end] = places_.equal_range(key.hash(labels));
  for (; at != end; ++at)
    if (key.same(*at->second.first, labels)) return at->second.second;
  return kNone;
}

}  // namespace ordeal::promql
