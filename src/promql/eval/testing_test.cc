#include "promql/eval/testing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "promql/syntax/literals.h"

namespace ordeal::promql::testing {
namespace {

// "2+3x4" is 2 5 8 11 14; "2x3" is 2 2 2 2; "_x2" is a gap of two.
struct Run {
  double first = 0;
  double rise = 0;
  int64_t more = 0;
  bool gap = false;
};

Run parse_run(std::string_view word) {
  Run run;
  if (size_t x = word.find('x'); x != std::string_view::npos) {
    run.more = *parse_number<int64_t>(word.substr(x + 1));
    word = word.substr(0, x);
  }
  run.gap = word == "_";
  if (run.gap && run.more > 0) --run.more;
  if (run.gap) return run;
  size_t sign = word.find_first_of("+-", 1);
  if (sign != std::string_view::npos) {
    run.rise = *parse_number<double>(word.substr(sign + 1)) * (word[sign] == '-' ? -1 : 1);
    word = word.substr(0, sign);
  }
  run.first = word == "stale" ? stale_nan() : *parse_bound(word);
  return run;
}

double rounded(double value) { return *parse_number<double>(fmt::format("{:.12g}", value)); }

Labels labels_of(std::string_view series) {
  auto expr = parse(series);
  EXPECT_TRUE(expr) << series;
  std::vector<Labels::Pair> pairs;
  for (const Matcher& matcher : std::get<VectorSelector>((*expr)->node).matchers) {
    pairs.emplace_back(matcher.name(), matcher.value());
  }
  return Labels(std::move(pairs));
}

}  // namespace

void fill(SeriesStore& store, int64_t step_ms, std::string_view lines) {
  for (std::string_view line : split(lines, '\n')) {
    line = trim(line);
    if (line.empty()) continue;
    size_t brace = line.find('}');
    size_t end = brace == std::string_view::npos ? line.find(' ') : brace + 1;
    Labels labels = labels_of(line.substr(0, end));
    int64_t at = 0;
    for (std::string_view word : split_words(line.substr(end))) {
      Run run = parse_run(word);
      for (int64_t i = 0; i <= run.more; ++i, at += step_ms) {
        // Arithmetic would turn the stale marker into a common NaN.
        double value = i == 0 ? run.first : run.first + run.rise * static_cast<double>(i);
        if (!run.gap) store.append(labels, at, value);
      }
    }
  }
}

std::string ask(const Storage& storage, std::string_view query, int64_t at_ms, const EvalOptions& options) {
  auto expr = load(query);
  if (!expr) return "error: " + expr.error().what;
  auto result = eval_instant(**expr, storage, at_ms, options);
  if (result) {
    result->scalar = rounded(result->scalar);
    for (VectorElement& element : result->vector) element.value = rounded(element.value);
  }
  return result ? result->text(1000) : "error: " + result.error().what;
}

}  // namespace ordeal::promql::testing
