#include "prometheus/promql/eval/result.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::promql {
namespace {

std::string series_text(const MatrixSeries& series) {
  std::string text = series.labels.text() + " [";
  for (const Sample& sample : series.samples) {
    if (text.back() != '[') text += " ";
    text += fmt::format("{}@{}", value_text(sample.value), value_text(static_cast<double>(sample.ms) / 1000));
  }
  return text + "]";
}

}  // namespace

std::string_view kind_name(ValueKind kind) {
  constexpr std::string_view kNames[] = {"scalar", "vector", "matrix", "string"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<double> QueryResult::numbers() const {
  std::vector<double> numbers;
  if (kind == ValueKind::kScalar) numbers.push_back(scalar);
  for (const VectorElement& element : vector) numbers.push_back(element.value);
  for (const MatrixSeries& series : matrix) {
    for (const Sample& sample : series.samples) numbers.push_back(sample.value);
  }
  return numbers;
}

bool QueryResult::no_data() const {
  std::vector<double> all = numbers();
  return std::all_of(all.begin(), all.end(), [](double value) { return std::isnan(value); });
}

std::string QueryResult::text(size_t most_elements) const {
  if (kind == ValueKind::kScalar) return value_text(scalar);
  if (kind == ValueKind::kString) return promql::quoted(string);
  std::vector<std::string> parts;
  for (const VectorElement& element : vector) parts.push_back(element.labels.text() + " " + value_text(element.value));
  for (const MatrixSeries& series : matrix) parts.push_back(series_text(series));
  if (parts.empty()) return "no data";
  size_t shown = std::min(parts.size(), most_elements);
  std::string text = fmt::format("{}", fmt::join(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(shown), ", "));
  return shown < parts.size() ? fmt::format("{} and {} more", text, parts.size() - shown) : text;
}

}  // namespace ordeal::promql
