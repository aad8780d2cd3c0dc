#include "prometheus/promql/store/label_column.h"

#include <algorithm>
#include <numeric>

namespace ordeal::promql {

LabelColumn::ValueId LabelColumn::find(std::string_view value, size_t hash) const {
  return numbers_.find(hash, [&](uint32_t id) { return values_[id] == value; });
}

LabelColumn::ValueId LabelColumn::find_or_add(std::string_view value) {
  size_t hash = std::hash<std::string_view>{}(value);
  ValueId id = find(value, hash);
  if (id != NumberTable::kNone) return id;
  id = static_cast<ValueId>(values_.size());
  values_.push_back(value);
  numbers_.add(hash, id);
  return id;
}

void LabelColumn::update(std::span<const StoredSeries> rows, std::span<const uint32_t> order) {
  ids_.reserve(rows.size());
  for (const StoredSeries& row : rows.subspan(ids_.size())) ids_.push_back(find_or_add(row.labels.get(name_)));
  starts_.assign(values_.size() + 1, 0);
  for (ValueId id : ids_) ++starts_[id + 1];
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  positions_.resize(rows.size());
  std::vector<uint32_t> next(starts_);
  for (uint32_t position = 0; position < order.size(); ++position) positions_[next[ids_[order[position]]]++] = position;
}

std::vector<LabelColumn::ValueId> LabelColumn::accepted(const Matcher& matcher) const {
  std::vector<ValueId> ids;
  if (const auto* listed = matcher.listed()) {
    for (const std::string& value : *listed)
      if (ValueId id = find(value, std::hash<std::string_view>{}(value)); id != NumberTable::kNone) ids.push_back(id);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
  }
  for (ValueId id = 0; id < values_.size(); ++id)
    if (matcher.matches(values_[id])) ids.push_back(id);
  return ids;
}

}  // namespace ordeal::promql
