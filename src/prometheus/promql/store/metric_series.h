// MetricSeries: the series of one metric, found by their labels or by matchers. References to series are valid until
// the next add() or erase_empty(). Internal to src/prometheus/promql/store.
#pragma once

#include <deque>

#include "prometheus/promql/store/label_column.h"

namespace ordeal::promql {

class MetricSeries : public LabelIndex {
 public:
  // `hash` is that of `labels`. Null when unknown.
  StoredSeries* find(LabelsView labels, size_t hash);
  // Of labels that are unknown.
  StoredSeries& add(const Labels& labels, size_t hash);
  // As they came.
  std::span<StoredSeries> all() { return rows_; }
  // Forgets the series without samples.
  void erase_empty();

  // Appends those that match all matchers, by labels, with their rows.
  void select(std::span<const Matcher* const> matchers, Selection& found);
  // Whether one ever had a label __type__ or __unit__.
  bool has_metadata() const { return has_metadata_; }

  std::optional<std::span<const std::string>> names() const override;
  std::optional<Values> values(const std::string& name) const override;

 private:
  class Condition;

  // Makes order_ complete.
  void in_order();
  // Of rows in order.
  const LabelColumn& column(const std::string& name) const;
  template <typename Accepts>
  void scan(Accepts accepts, Selection& found) const;
  void select_indexed(std::span<const Matcher* const> matchers, Selection& found);
  void take(uint32_t row, Selection& found) const;

  std::vector<StoredSeries> rows_;
  NumberTable by_labels_;
  // The rows by labels. New ones come last, and are put in their place when somebody asks.
  std::vector<uint32_t> order_;
  size_t sorted_ = 0;                        // of the first of order_
  mutable std::deque<LabelColumn> columns_;  // of the labels that were asked for; they stay where they are
  std::vector<std::string> names_;           // of labels; the first few
  bool has_metadata_ = false;
};

}  // namespace ordeal::promql
