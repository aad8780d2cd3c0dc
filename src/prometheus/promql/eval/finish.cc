#include "prometheus/promql/eval/finish.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "prometheus/promql/functions/function_table.h"

namespace ordeal::promql {
namespace {

// sort(), topk() and the like decide the order of a vector; any other comes by its labels.
bool keeps_order(const Expr& expr) {
  const Expr& top = inner(expr);
  if (const auto* call = std::get_if<Call>(&top.node)) return call->function->name.starts_with("sort");
  const auto* aggregate = std::get_if<Aggregate>(&top.node);
  return aggregate && (aggregate->op == AggregateOp::kTopk || aggregate->op == AggregateOp::kBottomk);
}

Labels finished(LabelsView labels, bool drop_name) {
  if (!drop_name) return labels;
  return Labels::filtered(labels, [](std::string_view name) { return !is_metadata(name); });
}

template <typename Item>
void sort_by_labels(std::vector<Item>& items) {
  auto by_labels = [](const Item& a, const Item& b) { return a.labels < b.labels; };
  // Mostly they are, since that is how storage gives them.
  if (!std::is_sorted(items.begin(), items.end(), by_labels)) std::sort(items.begin(), items.end(), by_labels);
}

// Of items by labels.
template <typename Item>
Result<> check_unique(const std::vector<Item>& items) {
  auto same = [](const Item& a, const Item& b) { return a.labels == b.labels; };
  auto found = std::adjacent_find(items.begin(), items.end(), same);
  if (found != items.end()) return same_labels(found->labels);
  return {};
}

Result<> check_unique_in_any_order(const std::vector<VectorElement>& elements) {
  std::unordered_set<LabelsView, LabelsHash> seen;
  for (const VectorElement& element : elements)
    if (!seen.insert(element.labels).second) return same_labels(element.labels);
  return {};
}

Result<> take_vector(const Expr& expr, const Vector& vector, const LabelTable& table, QueryResult& result) {
  result.vector.reserve(vector.size());
  for (const Element& element : vector)
    result.vector.push_back({finished(table[element.labels], element.drop_name), element.value});
  if (keeps_order(expr)) return check_unique_in_any_order(result.vector);
  sort_by_labels(result.vector);
  return check_unique(result.vector);
}

Result<> take_matrix(const Matrix& matrix, const LabelTable& table, QueryResult& result) {
  for (const RangeSeries& series : matrix.series)
    result.matrix.push_back(
        {finished(table[series.labels], series.drop_name), {series.samples.begin(), series.samples.end()}});
  sort_by_labels(result.matrix);
  return check_unique(result.matrix);
}

}  // namespace

Unexpected same_labels(LabelsView labels) {
  return fail(Errc::kInvalidInput,
              fmt::format("vector cannot contain metrics with the same labelset: {}", labels.text()));
}

Result<QueryResult> instant_result(const Expr& expr, const Value& value, const LabelTable& table) {
  QueryResult result;
  result.kind = expr.kind();
  if (const auto* scalar = std::get_if<double>(&value)) result.scalar = *scalar;
  if (const auto* string = std::get_if<std::string>(&value)) result.string = *string;
  if (const auto* vector = std::get_if<Vector>(&value)) TRY_VOID(take_vector(expr, *vector, table, result));
  if (const auto* matrix = std::get_if<Matrix>(&value)) TRY_VOID(take_matrix(*matrix, table, result));
  return result;
}

Result<> RangeResult::add(const Value& value, int64_t at_ms) {
  if (const auto* scalar = std::get_if<double>(&value)) return add(kNoLabels, *scalar, at_ms);
  for (const Element& element : std::get<Vector>(value)) {
    LabelsId labels = element.drop_name ? table_.without_metadata(element.labels) : element.labels;
    TRY_VOID(add(labels, element.value, at_ms));
  }
  return {};
}

Result<> RangeResult::add(LabelsId labels, double value, int64_t at_ms) {
  uint32_t place = places_[labels];
  if (place == Memo::kNone) {
    uint32_t& of_set = places_[table_.canonical(labels)];
    if (of_set == Memo::kNone) {
      of_set = static_cast<uint32_t>(series_.size());
      series_.push_back({table_[labels], {}});
    }
    place = of_set;
    places_[labels] = place;
  }
  std::vector<Sample>& samples = series_[place].samples;
  if (!samples.empty() && samples.back().ms == at_ms) return same_labels(table_[labels]);
  samples.push_back({at_ms, value});
  return {};
}

QueryResult RangeResult::take() {
  QueryResult result;
  result.kind = ValueKind::kMatrix;
  result.matrix = std::move(series_);
  sort_by_labels(result.matrix);
  return result;
}

}  // namespace ordeal::promql
