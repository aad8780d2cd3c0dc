#include "prometheus/promql/grouping/label_table.h"

namespace ordeal::promql {

LabelsId LabelTable::add(Selection& selection) {
  auto first = static_cast<LabelsId>(sets_.size());
  sets_.reserve(sets_.size() + selection.series.size());
  for (const Series& series : selection.series) sets_.push_back(series.labels);
  if (selection.index) indexed_.push_back({first, selection.index, std::move(selection.rows)});
  return first;
}

const LabelTable::Indexed* LabelTable::indexed(LabelsId id) const {
  for (const Indexed& sets : indexed_)
    if (id >= sets.first && id - sets.first < sets.rows.size()) return &sets;
  return nullptr;
}

LabelsId LabelTable::intern(Labels labels) {
  size_t hash = labels.hash();
  LabelsId id = numbers_.find(hash, [&](LabelsId known) { return sets_[known] == labels; });
  if (id != NumberTable::kNone) return id;
  id = static_cast<LabelsId>(sets_.size());
  sets_.push_back(labels);
  made_.push_back(std::move(labels));
  numbers_.add(hash, id);
  return canonical_[id] = id;
}

LabelsId LabelTable::canonical(LabelsId id) {
  LabelsId& known = canonical_[id];
  if (known != Memo::kNone) return known;
  size_t hash = sets_[id].hash();
  known = numbers_.find(hash, [&](LabelsId other) { return sets_[other] == sets_[id]; });
  if (known != NumberTable::kNone) return known;
  numbers_.add(hash, id);
  return known = id;
}

LabelsId LabelTable::without_metadata(LabelsId id) {
  if (LabelsId known = bare_[id]; known != Memo::kNone) return known;
  LabelsId bare = intern(Labels::filtered(sets_[id], [](std::string_view name) { return !is_metadata(name); }));
  return bare_[id] = bare;
}

}  // namespace ordeal::promql
