#include "prometheus/promql/store/metric_series.h"

#include <algorithm>

namespace ordeal::promql {
namespace {

// Of fewer series each is looked at: an index would cost more than it saves.
constexpr size_t kFew = 16;
// What somebody asks who tries out names must not fill the memory.
constexpr size_t kMostColumns = 16;
// Ahead of the series that is read, so that memory has it by then.
constexpr size_t kAhead = 16;

}  // namespace

// A matcher on a column: the values it accepts.
class MetricSeries::Condition {
 public:
  Condition(const LabelColumn& column, const Matcher& matcher) : column_(&column), values_(column.accepted(matcher)) {
    for (LabelColumn::ValueId id : values_) series_ += column.positions(id).size();
    if (values_.size() < 2) return;
    accepted_.resize(column.values());
    for (LabelColumn::ValueId id : values_) accepted_[id] = 1;
  }

  // How many series fulfil it.
  size_t series() const { return series_; }
  bool accepts(uint32_t row) const {
    if (values_.size() == 1) return column_->at(row) == values_[0];
    return !values_.empty() && accepted_[column_->at(row)];
  }
  // Of all series that fulfil it, ascending.
  std::vector<uint32_t> positions() const {
    std::vector<uint32_t> found;
    found.reserve(series_);
    for (LabelColumn::ValueId id : values_) {
      auto of_value = column_->positions(id);
      found.insert(found.end(), of_value.begin(), of_value.end());
    }
    if (values_.size() > 1) std::sort(found.begin(), found.end());
    return found;
  }

 private:
  const LabelColumn* column_;
  std::vector<LabelColumn::ValueId> values_;
  std::vector<char> accepted_;  // by value, when there are several
  size_t series_ = 0;
};

StoredSeries* MetricSeries::find(LabelsView labels, size_t hash) {
  uint32_t row = by_labels_.find(hash, [&](uint32_t at) { return rows_[at].labels == labels; });
  return row == NumberTable::kNone ? nullptr : &rows_[row];
}

StoredSeries& MetricSeries::add(const Labels& labels, size_t hash) {
  auto row = static_cast<uint32_t>(rows_.size());
  by_labels_.add(hash, row);
  order_.push_back(row);
  for (const auto& [name, value] : labels) {
    has_metadata_ = has_metadata_ || name == "__type__" || name == "__unit__";
    if (names_.size() <= kMostColumns && std::find(names_.begin(), names_.end(), name) == names_.end())
      names_.emplace_back(name);
  }
  rows_.push_back({labels, {}, 0});
  return rows_.back();
}

void MetricSeries::erase_empty() {
  std::vector<uint32_t> moved(rows_.size(), NumberTable::kNone);
  uint32_t kept = 0;
  for (size_t row = 0; row < rows_.size(); ++row)
    if (!rows_[row].live().empty()) moved[row] = kept++;
  if (kept == rows_.size()) return;
  std::vector<uint32_t> order;
  in_order();
  for (uint32_t row : order_)
    if (moved[row] != NumberTable::kNone) order.push_back(moved[row]);
  order_ = std::move(order);
  sorted_ = order_.size();
  std::erase_if(rows_, [](const StoredSeries& row) { return row.live().empty(); });
  by_labels_.clear();
  for (uint32_t row = 0; row < rows_.size(); ++row) by_labels_.add(rows_[row].labels.hash(), row);
  columns_.clear();
}

void MetricSeries::in_order() {
  if (sorted_ == order_.size()) return;
  auto by_labels = [this](uint32_t a, uint32_t b) { return rows_[a].labels < rows_[b].labels; };
  auto middle = order_.begin() + static_cast<ptrdiff_t>(sorted_);
  std::sort(middle, order_.end(), by_labels);
  std::inplace_merge(order_.begin(), middle, order_.end(), by_labels);
  sorted_ = order_.size();
}

const LabelColumn& MetricSeries::column(const std::string& name) const {
  auto at =
      std::find_if(columns_.begin(), columns_.end(), [&](const LabelColumn& known) { return known.name() == name; });
  if (at == columns_.end()) at = columns_.emplace(columns_.end(), name);
  if (at->rows() < rows_.size()) at->update(rows_, order_);
  return *at;
}

std::optional<std::span<const std::string>> MetricSeries::names() const {
  if (names_.size() > kMostColumns) return std::nullopt;
  return names_;
}

std::optional<LabelIndex::Values> MetricSeries::values(const std::string& name) const {
  auto is_it = [&](const LabelColumn& known) { return known.name() == name; };
  bool room = columns_.size() < kMostColumns || std::any_of(columns_.begin(), columns_.end(), is_it);
  if (!room) return std::nullopt;
  const LabelColumn& found = column(name);
  return Values{found.by_row(), found.values()};
}

void MetricSeries::take(uint32_t row, Selection& found) const {
  found.series.push_back({rows_[row].labels, rows_[row].live()});
  found.rows.push_back(row);
}

// Those that accepts(row), by labels.
template <typename Accepts>
void MetricSeries::scan(Accepts accepts, Selection& found) const {
  for (size_t i = 0; i < order_.size(); ++i) {
    if (i + kAhead < order_.size()) __builtin_prefetch(&rows_[order_[i + kAhead]]);
    if (accepts(order_[i])) take(order_[i], found);
  }
}

void MetricSeries::select(std::span<const Matcher* const> matchers, Selection& found) {
  in_order();
  if (matchers.empty()) {
    found.series.reserve(found.series.size() + rows_.size());
    found.rows.reserve(found.rows.size() + rows_.size());
    return scan([](uint32_t) { return true; }, found);
  }
  if (rows_.size() >= kFew) return select_indexed(matchers, found);
  auto accepts = [&](uint32_t row) {
    LabelsView labels = rows_[row].labels;
    auto matches = [labels](const Matcher* matcher) { return matcher->matches(labels.get(matcher->name())); };
    return std::all_of(matchers.begin(), matchers.end(), matches);
  };
  scan(accepts, found);
}

void MetricSeries::select_indexed(std::span<const Matcher* const> matchers, Selection& found) {
  std::vector<Condition> conditions;
  for (const Matcher* matcher : matchers) conditions.emplace_back(column(matcher->name()), *matcher);
  auto accepts = [&](uint32_t row) {
    return std::all_of(conditions.begin(), conditions.end(), [row](const Condition& it) { return it.accepts(row); });
  };
  auto fewest = std::min_element(conditions.begin(), conditions.end(),
                                 [](const Condition& a, const Condition& b) { return a.series() < b.series(); });
  found.series.reserve(found.series.size() + fewest->series());
  found.rows.reserve(found.rows.size() + fewest->series());
  if (fewest->series() > rows_.size() / 4) {
    scan(accepts, found);
  } else {
    for (uint32_t position : fewest->positions())
      if (accepts(order_[position])) take(order_[position], found);
  }
  if (columns_.size() > kMostColumns) columns_.clear();
}

}  // namespace ordeal::promql
