#include "prometheus/promql/grouping/label_key.h"

#include <algorithm>
#include <limits>

namespace ordeal::promql {

bool LabelKey::counts(std::string_view name, bool nameless) const {
  if (nameless && is_metadata(name)) return false;
  bool listed = std::find(listed_->begin(), listed_->end(), name) != listed_->end();
  if (counts_ == Counts::kListed) return listed;
  return !listed && (counts_ == Counts::kOthersAndName || name != kMetricName);
}

size_t LabelKey::hash(LabelsView labels, bool nameless) const {
  size_t hash = 0xcbf29ce484222325u;
  auto mix = [&hash](std::string_view text) {
    hash = (hash ^ std::hash<std::string_view>{}(text)) * 0x100000001b3u;
    hash ^= hash >> 29;
  };
  if (counts_ == Counts::kListed) {
    for (const std::string& name : *listed_) mix(value(labels, name, nameless));
    return hash;
  }
  for (const auto& [name, value] : labels) {
    if (!counts(name, nameless)) continue;
    mix(name);
    mix(value);
  }
  return hash;
}

bool LabelKey::same(LabelsView a, bool a_nameless, LabelsView b, bool b_nameless) const {
  if (counts_ == Counts::kListed)
    return std::all_of(listed_->begin(), listed_->end(), [&](const std::string& name) {
      return value(a, name, a_nameless) == value(b, name, b_nameless);
    });
  auto at = a.begin(), other = b.begin();
  while (true) {
    while (at != a.end() && !counts((*at).first, a_nameless)) ++at;
    while (other != b.end() && !counts((*other).first, b_nameless)) ++other;
    bool ended = !(at != a.end()), other_ended = !(other != b.end());
    if (ended || other_ended) return ended && other_ended;
    if (*at != *other) return false;
    ++at;
    ++other;
  }
}

Labels LabelKey::of(LabelsView labels, bool nameless) const {
  return Labels::filtered(labels, [&](std::string_view name) { return counts(name, nameless); });
}

std::optional<std::vector<std::string>> LabelKey::names(const LabelIndex& index, bool nameless) const {
  std::vector<std::string> names;
  std::span<const std::string> candidates = *listed_;
  if (counts_ != Counts::kListed) {
    auto known = index.names();
    if (!known) return std::nullopt;
    candidates = *known;
  }
  for (const std::string& name : candidates)
    if (name != kMetricName && counts(name, nameless)) names.push_back(name);
  return names;
}

bool KeyNumbers::same(uint32_t number, Member member) const {
  if (number >= firsts_.size()) return false;
  Member first = firsts_[number];
  return key_.same(table_[first.labels], first.nameless, table_[member.labels], member.nameless);
}

uint32_t KeyNumbers::work_out(Member member) {
  const LabelTable::Indexed* sets = table_.indexed(member.labels);
  if (sets && std::find(learned_.begin(), learned_.end(), std::pair(sets->first, member.nameless)) == learned_.end()) {
    learned_.emplace_back(sets->first, member.nameless);
    learn(*sets, member.nameless);
  }
  uint32_t& known = known_[member.nameless][member.labels];
  if (known == Memo::kNone) known = find_or_add(member);
  return known;
}

void KeyNumbers::learn(const LabelTable::Indexed& sets, bool nameless) {
  auto names = key_.names(*sets.index, nameless);
  if (!names) return;
  // Of each set one number for the values of all labels that count.
  std::vector<uint64_t> codes(sets.rows.size());
  uint64_t below = 1;
  for (const std::string& name : *names) {
    auto values = sets.index->values(name);
    if (!values || below > std::numeric_limits<uint64_t>::max() / values->numbers) return;
    for (size_t i = 0; i < codes.size(); ++i) codes[i] = codes[i] * values->numbers + values->of_row[sets.rows[i]];
    below *= values->numbers;
  }
  known_[nameless].reserve(sets.first + codes.size());
  NumberTable seen;  // the first set of each code
  for (uint32_t i = 0; i < codes.size(); ++i) {
    uint32_t& number = known_[nameless][sets.first + i];
    if (i > 0 && codes[i] == codes[i - 1]) {
      number = known_[nameless][sets.first + i - 1];
      continue;
    }
    size_t hash = codes[i] * 0x9e3779b97f4a7c15u;
    uint32_t first = seen.find(hash, [&](uint32_t at) { return codes[at] == codes[i]; });
    if (first == NumberTable::kNone) seen.add(hash, i);
    number =
        first == NumberTable::kNone ? find_or_add({sets.first + i, nameless}) : known_[nameless][sets.first + first];
  }
}

uint32_t KeyNumbers::find_or_add(Member member) {
  // By labels, neighbours mostly have the same key or go through the keys in turn.
  if (same(last_, member)) return last_;
  if (same(last_ + 1, member)) return ++last_;
  size_t hash = key_.hash(table_[member.labels], member.nameless);
  last_ = numbers_.find(hash, [&](uint32_t number) { return same(number, member); });
  if (last_ != NumberTable::kNone) return last_;
  last_ = static_cast<uint32_t>(firsts_.size());
  numbers_.add(hash, last_);
  firsts_.push_back(member);
  return last_;
}

LabelsId KeyNumbers::labels_of(uint32_t number) {
  LabelsId& labels = labels_[number];
  Member first = firsts_[number];
  if (labels == Memo::kNone) labels = table_.intern(key_.of(table_[first.labels], first.nameless));
  return labels;
}

}  // namespace ordeal::promql
