#include "conformance/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "conformance/multiply.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::conformance {
namespace {

using namespace promql;  // NOLINT

constexpr double kTolerance = 1e-6;  // relative, as upstream's defaultEpsilon
constexpr int64_t kMinute = 60'000;

bool almost_equal(double a, double b) {
  if (is_stale(a) || is_stale(b)) return is_stale(a) && is_stale(b);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  constexpr double kLeast = std::numeric_limits<double>::min();
  double sum = std::abs(a) + std::abs(b), difference = std::abs(a - b);
  if (a == 0 || b == 0 || sum < kLeast) return difference < kTolerance * kLeast;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// A store that knows which of its series carry what Ordeal does not read, and whether a query came upon one.
class ScriptStorage : public Storage {
 public:
  ScriptStorage() : floats_(limits()) {}

  void load(const Load& load) {
    for (const NotedSeries& series : load.series) {
      int64_t at = 0;
      for (const NotedSeries::Step& step : series.steps) {
        if (step.kind == NotedSeries::Step::Form::kFloat) floats_.append(series.labels, at, step.value);
        if (step.kind == NotedSeries::Step::Form::kNative) mark(series.labels, "native histograms");
        at += load.step_ms;
      }
      if (load.start_times) mark(series.labels, "start timestamps");
      if (load.with_nhcb) mark_base(series.labels);
    }
  }

  Selection select(std::span<const Matcher> matchers) const override {
    for (const auto& [labels, reason] : foreign_) {
      auto matches = [&labels = labels](const Matcher& matcher) { return matcher.matches(labels.get(matcher.name())); };
      if (std::all_of(matchers.begin(), matchers.end(), matches)) touched_.insert(reason);
    }
    return floats_.select(matchers);
  }

  // Why the last queries cannot be judged; "" when they can.
  std::string take_touched() {
    std::string reason = touched_.empty() ? "" : *touched_.begin();
    touched_.clear();
    return reason;
  }

 private:
  static SeriesStore::Limits limits() {
    SeriesStore::Limits limits;
    limits.keep_ms = int64_t{1} << 50;
    return limits;
  }

  void mark(const Labels& labels, const std::string& reason) { foreign_.emplace(labels, reason); }

  // What a classic histogram is called as a native one.
  void mark_base(Labels labels) {
    std::string name(labels.get(kMetricName));
    for (std::string_view suffix : {"_bucket", "_count", "_sum"}) {
      if (!name.ends_with(suffix)) continue;
      labels.set(kMetricName, name.substr(0, name.size() - suffix.size()));
      labels.erase("le");
      mark(labels, "native histograms");
    }
  }

  SeriesStore floats_;
  std::map<Labels, std::string> foreign_;
  mutable std::set<std::string> touched_;
};

std::string say(const Labels& labels, double value) { return fmt::format("{} {}", labels.text(), value_text(value)); }

// "" when equal; else what differs.
std::string compare_vector(const Eval& eval, const std::vector<VectorElement>& actual) {
  std::map<Labels, std::pair<size_t, double>> expected;
  for (size_t i = 0; i < eval.series.size(); ++i)
    expected[eval.series[i].labels] = {i, eval.series[i].steps.empty() ? NAN : eval.series[i].steps[0].value};
  for (size_t i = 0; i < actual.size(); ++i) {
    auto found = expected.find(actual[i].labels);
    if (found == expected.end()) return "unexpected " + say(actual[i].labels, actual[i].value);
    auto [place, value] = found->second;
    if (eval.ordered && place != i) return fmt::format("{} came as number {}", actual[i].labels.text(), i + 1);
    if (!almost_equal(value, actual[i].value))
      return fmt::format("expected {}, found {}", say(found->first, value), value_text(actual[i].value));
    expected.erase(found);
  }
  return expected.empty() ? "" : "missing " + say(expected.begin()->first, expected.begin()->second.second);
}

std::string compare_series(const Eval& eval, const NotedSeries& expected, const std::vector<Sample>& actual) {
  size_t next = 0;
  for (size_t i = 0; i < expected.steps.size(); ++i) {
    if (expected.steps[i].kind == NotedSeries::Step::Form::kOmitted) continue;
    int64_t at = eval.from_ms + static_cast<int64_t>(i) * eval.step_ms;
    if (next == actual.size() || actual[next].ms != at || !almost_equal(expected.steps[i].value, actual[next].value)) {
      std::string found = next == actual.size()
                              ? "nothing"
                              : fmt::format("{} at {} ms", value_text(actual[next].value), actual[next].ms);
      return fmt::format("{}: expected {} at {} ms, found {}", expected.labels.text(),
                         value_text(expected.steps[i].value), at, found);
    }
    ++next;
  }
  if (next == actual.size()) return "";
  return fmt::format("{}: unexpected {} at {} ms", expected.labels.text(), value_text(actual[next].value),
                     actual[next].ms);
}

std::string compare_matrix(const Eval& eval, const std::vector<MatrixSeries>& actual) {
  auto by_labels = [](const MatrixSeries& a, const MatrixSeries& b) { return a.labels < b.labels; };
  if (!std::is_sorted(actual.begin(), actual.end(), by_labels)) return "the matrix is not sorted by labels";
  std::map<Labels, const NotedSeries*> expected;
  for (const NotedSeries& series : eval.series) expected[series.labels] = &series;
  for (const MatrixSeries& series : actual) {
    auto found = expected.find(series.labels);
    if (found == expected.end()) return "unexpected series " + series.labels.text();
    if (std::string what = compare_series(eval, *found->second, series.samples); !what.empty()) return what;
    expected.erase(found);
  }
  for (const auto& [labels, series] : expected)
    if (!compare_series(eval, *series, {}).empty()) return "missing series " + labels.text();
  return "";
}

std::string compare_annotations(const char* kind, const std::vector<Wording>& expected, bool none,
                                const std::vector<std::string>& actual) {
  if (none && !actual.empty()) return fmt::format("unexpected {}: {}", kind, actual.front());
  for (const Wording& wording : expected) {
    auto fits = [&](const std::string& text) { return wording.matches(text); };
    if (std::none_of(actual.begin(), actual.end(), fits))
      return fmt::format("expected {} '{}', found {}", kind, wording.text, actual.empty() ? "none" : actual.front());
  }
  return "";
}

std::string compare(const Eval& eval, const QueryResult& actual) {
  std::string what = compare_annotations("warning", eval.warnings, eval.no_warnings, actual.warnings);
  if (what.empty()) what = compare_annotations("info", eval.infos, eval.no_infos, actual.infos);
  if (!what.empty()) return what;
  switch (actual.kind) {
    case ValueKind::kScalar:
      if (!eval.scalar) return "expected series, found the scalar " + value_text(actual.scalar);
      return almost_equal(*eval.scalar, actual.scalar)
                 ? ""
                 : fmt::format("expected {}, found {}", value_text(*eval.scalar), value_text(actual.scalar));
    case ValueKind::kString:
      return eval.string.value_or("") == actual.string ? "" : fmt::format("found the string '{}'", actual.string);
    case ValueKind::kMatrix:
      return compare_matrix(eval, actual.matrix);
    case ValueKind::kVector:
      return eval.scalar ? "expected a scalar, found a vector" : compare_vector(eval, actual.vector);
  }
  return "";
}

bool expects_native(const Eval& eval) {
  for (const NotedSeries& series : eval.series)
    for (const NotedSeries::Step& step : series.steps)
      if (step.kind == NotedSeries::Step::Form::kNative) return true;
  return false;
}

EvalOptions options() {
  EvalOptions options;
  options.delayed_name_removal = true;
  return options;
}

class Runner {
 public:
  Runner(ScriptStorage& storage, bool multiplied, Report& report)
      : storage_(storage), multiplied_(multiplied), report_(report) {}

  void run(const Eval& eval) {
    auto expr = parse(eval.query);
    if (!expr && expr.error().code == Errc::kUnsupported) return skip(expr.error().message());
    if (expects_native(eval)) return skip("native histograms");
    if (!expr) return judge(eval, eval.query, check_failure(eval, expr.error().message()));
    auto [query, what] = eval.range ? ask_range(eval, **expr) : ask_instant(eval, std::move(*expr));
    if (std::string reason = storage_.take_touched(); !reason.empty()) return skip(reason);
    judge(eval, query, what);
  }

 private:
  using Verdict = std::pair<std::string, std::string>;  // the query in its form, and what is wrong or ""

  // Without the column, so that the same reason counts as one.
  void skip(const std::string& reason) {
    size_t at = reason.starts_with("column ") ? reason.find(": ") + 2 : 0;
    ++report_.skipped[reason.substr(at)];
  }

  void judge(const Eval& eval, const std::string& query, const std::string& what) {
    if (what.empty()) {
      ++report_.passed;
    } else {
      report_.failures.push_back({eval.line, query, what});
    }
  }

  static std::string check_failure(const Eval& eval, const std::string& message) {
    if (!eval.fails) return "fails: " + message;
    // A wording is Prometheus' own; that both fail is what counts.
    return "";
  }

  static std::string outcome(const Eval& eval, const Result<QueryResult>& result) {
    if (!result) return check_failure(eval, result.error().message());
    return eval.fails ? "expected an error, found " + result->text() : compare(eval, *result);
  }

  Verdict ask_range(const Eval& eval, const Expr& expr) {
    ++report_.forms;
    return {eval.query, outcome(eval, eval_range(expr, storage_, eval.from_ms, eval.to_ms, eval.step_ms, options()))};
  }

  Verdict ask_instant(const Eval& eval, ExprPtr expr) {
    int64_t at_ms = eval.matrix ? eval.to_ms : eval.from_ms;
    std::vector<Form> forms{{eval.query, at_ms}};
    if (multiplied_) forms = forms_of(eval.query, std::move(expr), at_ms);
    for (const Form& form : forms)
      if (std::string what = ask(eval, form); !what.empty())
        return {fmt::format("{} at {} ms", form.query, form.at_ms), what};
    return {eval.query, ""};
  }

  std::string ask(const Eval& eval, const Form& form) {
    auto expr = parse(form.query);
    if (!expr) return "its printed form does not parse: " + expr.error().message();
    ++report_.forms;
    auto result = eval_instant(**expr, storage_, form.at_ms, options());
    std::string what = outcome(eval, result);
    bool ranged = multiplied_ && what.empty() && result && !eval.matrix && !eval.string && !eval.ordered;
    if (!ranged || !may_be_asked_as_a_range(form.query)) return what;
    return ask_middle(eval, form, **expr);
  }

  // The same as the middle step of a range query.
  std::string ask_middle(const Eval& eval, const Form& form, const Expr& expr) {
    ++report_.forms;
    auto range = eval_range(expr, storage_, form.at_ms - kMinute, form.at_ms + kMinute, kMinute, options());
    if (!range) return "as a range query it fails: " + range.error().message();
    QueryResult middle;
    middle.kind = expr.kind();
    for (const MatrixSeries& series : range->matrix)
      for (const Sample& sample : series.samples)
        if (sample.ms == form.at_ms) {
          middle.vector.push_back({series.labels, sample.value});
          middle.scalar = sample.value;
        }
    Eval values = eval;
    values.warnings.clear();
    values.infos.clear();
    std::string what = compare(values, middle);
    return what.empty() ? "" : "as a range query: " + what;
  }

  ScriptStorage& storage_;
  bool multiplied_;
  Report& report_;
};

}  // namespace

void Report::add(const Report& other) {
  passed += other.passed;
  forms += other.forms;
  for (const auto& [reason, count] : other.skipped) skipped[reason] += count;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

Report run_script(const std::vector<Command>& commands, bool multiplied) {
  Report report;
  auto storage = std::make_unique<ScriptStorage>();
  for (const Command& command : commands) {
    if (std::holds_alternative<Clear>(command)) storage = std::make_unique<ScriptStorage>();
    if (const auto* loaded = std::get_if<Load>(&command)) storage->load(*loaded);
    if (const auto* eval = std::get_if<Eval>(&command)) Runner(*storage, multiplied, report).run(*eval);
  }
  return report;
}

}  // namespace ordeal::conformance
