// LabelTable: the label sets of one evaluation, by number. Elements carry the number: it costs nothing to copy, and
// what was worked out for a label set (its group, its form without the name) is found again by it in the next step of a
// range. Internal to src/prometheus/promql.
#pragma once

#include <vector>

#include "prometheus/promql/store/number_table.h"
#include "prometheus/promql/store/storage.h"

namespace ordeal::promql {

// Equal numbers are equal label sets; canonical() makes it true the other way round.
using LabelsId = uint32_t;
constexpr LabelsId kNoLabels = 0;

// A number for numbers, kNone until it is set.
class Memo {
 public:
  static constexpr uint32_t kNone = NumberTable::kNone;

  // Valid until the next call.
  uint32_t& operator[](size_t of) {
    if (of >= values_.size()) values_.resize(std::max(of + 1, values_.size() * 2), kNone);
    return values_[of];
  }
  // Makes room for all below `size`.
  void reserve(size_t size) {
    if (size > values_.size()) values_.resize(size, kNone);
  }

 private:
  std::vector<uint32_t> values_;
};

class LabelTable {
 public:
  LabelTable() { intern({}); }

  // The label sets that a storage knows by an index.
  struct Indexed {
    LabelsId first;
    const LabelIndex* index;
    std::vector<uint32_t> rows;  // of `first` and those that follow
  };

  // The number of the first; the others follow. Takes the rows. The storage must not change while the table lives.
  LabelsId add(Selection& selection);
  // Null when it is not among such.
  const Indexed* indexed(LabelsId id) const;
  // Equal label sets get one number.
  LabelsId intern(Labels labels);
  LabelsId canonical(LabelsId id);
  // Without the name and what Prometheus says of a metric beside it. Canonical.
  LabelsId without_metadata(LabelsId id);

  LabelsView operator[](LabelsId id) const { return sets_[id]; }
  size_t size() const { return sets_.size(); }

 private:
  std::vector<LabelsView> sets_;
  std::vector<Labels> made_;
  std::vector<Indexed> indexed_;
  NumberTable numbers_;  // of the canonical ones
  Memo canonical_;
  Memo bare_;
};

// __name__, __type__ and __unit__.
inline bool is_metadata(std::string_view name) {
  return name.starts_with("__") && (name == kMetricName || name == "__type__" || name == "__unit__");
}

}  // namespace ordeal::promql
