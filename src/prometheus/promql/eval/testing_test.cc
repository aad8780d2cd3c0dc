#include "prometheus/promql/eval/testing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/text/text.h"
#include "prometheus/promql/store/series_notation.h"

namespace ordeal::promql::testing {
namespace {

double rounded(double value) { return *parse_number<double>(fmt::format("{:.12g}", value)); }

}  // namespace

void fill(SeriesStore& store, int64_t step_ms, std::string_view lines) {
  for (std::string_view line : split(lines, '\n')) {
    if (trim(line).empty()) continue;
    auto series = parse_series_notation(line);
    ASSERT_TRUE(series) << series.error().message();
    int64_t at = 0;
    for (const NotedSeries::Step& step : series->steps) {
      if (step.kind == NotedSeries::Step::Form::kFloat) store.append(series->labels, at, step.value);
      at += step_ms;
    }
  }
}

std::string ask(const Storage& storage, std::string_view query, int64_t at_ms, const EvalOptions& options) {
  auto expr = parse(query);
  if (!expr) return "error: " + expr.error().what;
  auto result = eval_instant(**expr, storage, at_ms, options);
  if (result) {
    result->scalar = rounded(result->scalar);
    for (VectorElement& element : result->vector) element.value = rounded(element.value);
  }
  return result ? result->text(1000) : "error: " + result.error().what;
}

}  // namespace ordeal::promql::testing
