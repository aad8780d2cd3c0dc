// LabelColumn: the values of one label among the series of a metric, and which series have which: the index that makes
// a selector cost what it finds. An absent label has the value "". Series are known by their row (when they came) and
// by their position (in the order of labels). Takes 8 bytes a series and at most 72 a distinct value (42 measured); the
// text of values stays in the label sets, which must live as long. Internal to src/prometheus/promql/store.
#pragma once

#include "prometheus/promql/store/number_table.h"
#include "prometheus/promql/store/stored_series.h"

namespace ordeal::promql {

class LabelColumn {
 public:
  using ValueId = uint32_t;

  explicit LabelColumn(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  // order[position] is a row. Rows that were there at the last call are as they were; their positions may be new.
  void update(std::span<const StoredSeries> rows, std::span<const uint32_t> order);
  // Of how many series it knows.
  size_t rows() const { return ids_.size(); }

  ValueId at(uint32_t row) const { return ids_[row]; }
  std::span<const ValueId> by_row() const { return ids_; }
  size_t values() const { return values_.size(); }
  // Those that the matcher accepts, each once. A regular expression is asked once a value, or not at all if it lists
  // what it matches.
  std::vector<ValueId> accepted(const Matcher& matcher) const;
  // The series with this value, ascending.
  std::span<const uint32_t> positions(ValueId id) const {
    return std::span(positions_).subspan(starts_[id], starts_[id + 1] - starts_[id]);
  }

 private:
  ValueId find(std::string_view value, size_t hash) const;
  ValueId find_or_add(std::string_view value);

  std::string name_;
  std::vector<std::string_view> values_;
  NumberTable numbers_;              // of values_
  std::vector<ValueId> ids_;         // by row
  std::vector<uint32_t> starts_;     // in positions_, by value; one more marks the end
  std::vector<uint32_t> positions_;  // grouped by value
};

}  // namespace ordeal::promql
