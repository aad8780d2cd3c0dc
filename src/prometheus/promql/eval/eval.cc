#include "prometheus/promql/eval/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "prometheus/promql/eval/aggregate.h"
#include "prometheus/promql/eval/binary.h"
#include "prometheus/promql/eval/finish.h"
#include "prometheus/promql/eval/selected.h"
#include "prometheus/promql/functions/function_table.h"

namespace ordeal::promql {
namespace {

// Whether its groups or results show what drop_name() drops.
bool reads_metadata(const Aggregate& aggregate) {
  bool elements = aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk;
  auto metadata = [](const std::string& label) { return label.starts_with("__"); };
  return elements || aggregate.without || std::any_of(aggregate.labels.begin(), aggregate.labels.end(), metadata);
}

class Evaluator {
 public:
  // `start_ms` and `end_ms` are what @ start() and @ end() mean; the step of an instant query is 0.
  Evaluator(const Storage& storage, const EvalOptions& options, int64_t start_ms, int64_t end_ms, int64_t step_ms)
      : storage_(storage),
        options_(options),
        start_ms_(start_ms),
        end_ms_(end_ms),
        step_ms_(step_ms),
        loop_{step_ms, end_ms} {}

  LabelTable& labels() { return labels_.table; }
  // The result, with what was to be said of it.
  QueryResult annotated(QueryResult result) {
    result.warnings = std::move(annotations_.warnings);
    result.infos = std::move(annotations_.infos);
    return result;
  }

  // The limit on samples holds for each step by itself.
  Result<Value> eval_step(const Expr& expr, int64_t at_ms) {
    spent_ = 0;
    return eval(expr, at_ms);
  }

 private:
  // Of the loop that evaluates at one step after the other.
  struct Steps {
    int64_t step_ms;
    int64_t last_ms;
  };

  Result<Value> eval(const Expr& expr, int64_t at_ms) {
    auto eval_it = [&](const auto& node) -> Result<Value> {
      if constexpr (std::is_same_v<decltype(node), const Call&>)
        return eval_call(expr, node, at_ms);
      else
        return eval_node(node, at_ms);
    };
    return std::visit(eval_it, expr.node);
  }

  Result<Value> eval_node(const NumberLiteral& number, int64_t) { return Value(number.value); }
  Result<Value> eval_node(const StringLiteral& string, int64_t) { return Value(string.value); }
  Result<Value> eval_node(const Paren& paren, int64_t at_ms) { return eval(*paren.expr, at_ms); }

  Result<Value> eval_node(const Unary& unary, int64_t at_ms) {
    Value value = TRY(eval(*unary.expr, at_ms));
    if (!unary.minus) return value;
    if (double* number = std::get_if<double>(&value)) return Value(-*number);
    for (Element& element : std::get<Vector>(value)) {
      element.value = -element.value;
      drop_name(element);
    }
    return dropped(std::move(value));
  }

  Result<Value> eval_node(const Binary& binary, int64_t at_ms) {
    Value left = TRY(eval(*binary.left, at_ms));
    Value right = TRY(eval(*binary.right, at_ms));
    bool vectors = std::holds_alternative<Vector>(left) && std::holds_alternative<Vector>(right);
    Value result = TRY(apply_binary(binary, std::move(left), std::move(right), at_ms, options_, labels_));
    return vectors ? unique(std::move(result)) : dropped(std::move(result));
  }

  Result<Value> eval_node(const Aggregate& aggregate, int64_t at_ms) {
    Value parameter;
    if (aggregate.parameter) parameter = TRY(eval(*aggregate.parameter, at_ms));
    if (aggregate.op == AggregateOp::kQuantile) check_quantile(*aggregate.parameter, std::get<double>(parameter));
    Value value = TRY(eval(*aggregate.expr, at_ms));
    Vector& vector = std::get<Vector>(value);
    if (reads_metadata(aggregate)) settle_names(vector, labels_.table, options_);
    return apply_aggregate(aggregate, aggregate.parameter ? &parameter : nullptr, std::move(vector), at_ms, labels_);
  }

  Result<Value> eval_node(const VectorSelector& selector, int64_t at_ms) {
    int64_t to = TRY(shifted(selector.shift, at_ms));
    SelectedSeries& found = selected(selector);
    Vector vector;
    vector.one_metric = found.one_metric();
    vector.resize(found.size());
    size_t kept = 0;
    found.each_newest(to - options_.lookback_ms, to, [&](LabelsId labels, const Sample& sample) {
      if (!is_stale(sample.value)) vector[kept++] = {labels, false, sample.value, sample.ms};
    });
    vector.resize(kept);
    TRY_VOID(spend(kept, found.size()));
    return vector;
  }

  Result<Value> eval_node(const MatrixSelector& matrix, int64_t at_ms) {
    SelectedSeries& found = selected(matrix.selector);
    Window window = TRY(window_at(matrix, at_ms));
    Matrix out{{}, window.from_ms, window.to_ms, found.one_metric(), {}};
    size_t touched = 0;
    std::vector<Sample> scratch;
    found.each_window(std::span(&window, 1), [&](size_t place, size_t) {
      touched += window.samples.size();
      if (!drop_stale(window, scratch)) return;
      if (window.stale) window.samples = out.own.emplace_back(std::exchange(scratch, {}));
      out.series.push_back({found.labels_of(place), false, window.samples});
    });
    TRY_VOID(spend(touched, found.size()));
    return out;
  }

  // Without samples.
  Result<Window> window_at(const MatrixSelector& matrix, int64_t at_ms) {
    int64_t to = TRY(shifted(matrix.selector.shift, at_ms));
    int64_t from = to - TRY(length(matrix.range));
    return Window{{}, from, to, at_ms, {}};
  }

  // Asked of the storage once, however many steps the query has.
  SelectedSeries& selected(const VectorSelector& selector) {
    auto known = selected_.find(&selector);
    if (known != selected_.end()) return known->second;
    return selected_.try_emplace(&selector, storage_.select(selector.matchers), labels_.table).first->second;
  }

  // Steps lie on multiples of the step, whenever the query is asked.
  Result<Value> eval_node(const Subquery& subquery, int64_t at_ms) {
    int64_t to = TRY(shifted(subquery.shift, at_ms));
    int64_t from = to - TRY(length(subquery.range));
    Matrix out{{}, from, to};
    int64_t step = subquery.step ? TRY(length(*subquery.step)) : options_.default_step_ms;
    int64_t first = out.from_ms - out.from_ms % step;
    while (first <= out.from_ms) first += step;
    Memo places;  // in out, by LabelsId
    Steps outer = std::exchange(loop_, {step, to});
    for (int64_t at = first; at <= to; at += step) {
      TRY_VOID(spend(1, 1));
      Value value = TRY(eval(*subquery.expr, at));
      settle_names(std::get<Vector>(value), labels_.table, options_);
      for (const Element& element : std::get<Vector>(value)) {
        LabelsId labels = labels_.table.canonical(element.labels);
        uint32_t& place = places[labels];
        if (place == Memo::kNone) {
          place = static_cast<uint32_t>(out.series.size());
          out.series.push_back({labels, false, {}});
          out.own.emplace_back();
        }
        out.own[place].push_back({at, element.value});
        out.series[place].drop_name = element.drop_name;
      }
    }
    loop_ = outer;
    for (size_t i = 0; i < out.series.size(); ++i) out.series[i].samples = out.own[i];
    std::sort(out.series.begin(), out.series.end(), [this](const RangeSeries& a, const RangeSeries& b) {
      return labels_.table[a.labels] < labels_.table[b.labels];
    });
    return out;
  }

  Result<Value> eval_call(const Expr& expr, const Call& call, int64_t at_ms) {
    const FunctionSpec& spec = *call.function;
    if (const auto* window = std::get_if<WindowFunction>(&spec.implementation))
      return dropped(TRY(over_windows(*window, call, at_ms)));
    std::vector<Value> arguments;
    for (const ExprPtr& argument : call.arguments) arguments.push_back(TRY(eval(*argument, at_ms)));
    if (auto at = spec.quantile_argument) check_quantile(*call.arguments[*at], std::get<double>(arguments[*at]));
    if (const auto* map = std::get_if<MapFunction>(&spec.implementation)) return dropped(mapped(*map, arguments[0]));
    const auto* general = std::get_if<GeneralFunction>(&spec.implementation);
    if (!general) return fail(Errc::kUnsupported, fmt::format("{}() is not supported yet", spec.name));
    CallSite site{expr, call, at_ms, start_ms_ != end_ms_, options_, annotations_, labels_};
    if (!spec.writes_labels) return dropped(TRY((*general)(site, arguments)));
    settle_names(std::get<Vector>(arguments[0]), labels_.table, options_);
    return unique(TRY((*general)(site, arguments)));
  }

  static Value mapped(MapFunction function, Value& argument) {
    for (Element& element : std::get<Vector>(argument)) {
      element.value = function(element.value);
      drop_name(element);
    }
    return std::move(argument);
  }

  Result<Value> over_windows(WindowFunction function, const Call& call, int64_t at_ms) {
    const MatrixSelector* selector = nullptr;
    std::vector<double> scalars;
    Matrix matrix;
    for (const ExprPtr& argument : call.arguments) {
      if (argument->kind() == ValueKind::kScalar) {
        scalars.push_back(std::get<double>(TRY(eval(*argument, at_ms))));
      } else if (selector = std::get_if<MatrixSelector>(&inner(*argument).node); !selector) {
        matrix = std::get<Matrix>(TRY(eval(*argument, at_ms)));
      }
    }
    if (auto at = call.function->quantile_argument) check_quantile(*call.arguments[*at], scalars[0]);
    Vector out = selector ? TRY(over_selected(function, call, *selector, scalars, at_ms))
                          : over_matrix(function, call, matrix, scalars, at_ms);
    if (call.function->of_counters) check_counters(*call.arguments[0], out);
    return out;
  }

  static Vector over_matrix(WindowFunction function, const Call& call, const Matrix& matrix,
                            std::span<const double> scalars, int64_t at_ms) {
    Vector out;
    Window window{{}, matrix.from_ms, matrix.to_ms, at_ms, scalars};
    for (const RangeSeries& series : matrix.series) {
      window.samples = series.samples;
      double value = function(window);
      if (!is_stale(value))
        out.push_back({series.labels, series.drop_name || !call.function->keeps_name, value, at_ms});
    }
    return out;
  }

  // What a window function gives of a selector's series at several steps: a series is read once for all of them.
  struct Batch {
    std::vector<Window> windows;  // by step
    std::vector<size_t> touched;  // samples, by step
    std::vector<double> values;   // step by step those of all series; stale_nan() is none

    const Window* at(int64_t at_ms) const {
      auto found = std::lower_bound(windows.begin(), windows.end(), at_ms,
                                    [](const Window& window, int64_t ms) { return window.at_ms < ms; });
      return found != windows.end() && found->at_ms == at_ms ? &*found : nullptr;
    }
  };

  Result<Vector> over_selected(WindowFunction function, const Call& call, const MatrixSelector& selector,
                               std::span<const double> scalars, int64_t at_ms) {
    SelectedSeries& found = selected(selector.selector);
    Batch& batch = batches_[&call];
    if (!scalars.empty() || !batch.at(at_ms)) TRY_VOID(fill(batch, function, selector, scalars, at_ms));
    auto step = static_cast<size_t>(batch.at(at_ms) - batch.windows.data());
    TRY_VOID(spend(batch.touched[step], found.size()));
    Vector out(found.size());
    out.one_metric = found.one_metric();
    const double* values = batch.values.data() + step * found.size();
    size_t kept = 0;
    for (size_t i = 0; i < found.size(); ++i)
      if (!is_stale(values[i])) out[kept++] = {found.labels_of(i), !call.function->keeps_name, values[i], at_ms};
    out.resize(kept);
    return out;
  }

  Result<> fill(Batch& batch, WindowFunction function, const MatrixSelector& selector, std::span<const double> scalars,
                int64_t at_ms) {
    SelectedSeries& found = selected(selector.selector);
    size_t steps = scalars.empty() ? steps_together(batch, found.size(), at_ms) : 1;
    batch.windows.clear();
    for (size_t step = 0; step < steps; ++step) {
      batch.windows.push_back(TRY(window_at(selector, at_ms + static_cast<int64_t>(step) * loop_.step_ms)));
      batch.windows.back().scalars = scalars;
    }
    batch.touched.assign(steps, 0);
    batch.values.assign(steps * found.size(), stale_nan());
    std::vector<Sample> scratch;
    size_t left = options_.most_work - std::min(worked_, options_.most_work), all = 0;
    found.each_window(batch.windows, [&](size_t place, size_t step) {
      Window& window = batch.windows[step];
      batch.touched[step] += window.samples.size();
      all += window.samples.size();
      if (all > left) return;  // spend() will refuse the query at one of these steps
      if (drop_stale(window, scratch)) batch.values[step * found.size() + place] = function(window);
    });
    return {};
  }

  // The first step of all by itself; from there on as many as stay in the cache, by what the last one touched.
  size_t steps_together(const Batch& before, size_t series, int64_t at_ms) const {
    constexpr size_t kTogether = 1 << 19;  // samples and values
    if (before.touched.empty() || loop_.step_ms <= 0) return 1;
    auto left = static_cast<size_t>((loop_.last_ms - at_ms) / loop_.step_ms + 1);
    return std::clamp<size_t>(kTogether / (before.touched.back() + series + 1), 1, left);
  }

  void check_quantile(const Expr& at, double q) {
    if (q >= 0 && q <= 1) return;
    annotations_.warn(at, fmt::format("quantile value should be between 0 and 1, got {}", value_text(q)));
  }

  void check_counters(const Expr& at, const Vector& vector) {
    for (const Element& element : vector) {
      check_counter(at, labels_.table[element.labels].get(kMetricName));
      if (vector.one_metric) return;
    }
  }

  void check_counter(const Expr& at, std::string_view name) {
    if (name.empty()) return;
    for (std::string_view suffix : {"_total", "_sum", "_count", "_bucket"})
      if (name.ends_with(suffix)) return;
    annotations_.info(at,
                      fmt::format("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                                  promql::quoted(name)));
  }

  Result<int64_t> length(const Duration& duration) const {
    return duration.ms_in(step_ms_, end_ms_ - start_ms_, false);
  }

  Result<int64_t> shifted(const TimeShift& shift, int64_t at_ms) const {
    int64_t base = at_ms;
    if (shift.at == TimeShift::At::kTime) base = shift.at_ms;
    if (shift.at == TimeShift::At::kStart) base = start_ms_;
    if (shift.at == TimeShift::At::kEnd) base = end_ms_;
    return base - TRY(shift.offset.ms_in(step_ms_, end_ms_ - start_ms_, true));
  }

  // The names of elements were dropped, perhaps of several metrics.
  Result<Value> dropped(Value value) {
    auto* vector = std::get_if<Vector>(&value);
    if (!vector || vector->empty() || vector->one_metric || options_.delayed_name_removal) return value;
    std::string_view metric = labels_.table[vector->front().labels].get(kMetricName);
    auto collides = [&](const Element& element) {
      return element.drop_name && may_collide(metric, labels_.table[element.labels]);
    };
    if (std::none_of(vector->begin(), vector->end(), collides)) return value;
    settle_names(*vector, labels_.table, options_);
    return unique(std::move(value));
  }

  // Dropping names can make two elements of one; with delayed removal that shows at the end of the query.
  Result<Value> unique(Value value) {
    const Vector* vector = std::get_if<Vector>(&value);
    if (!vector || vector->one_metric || options_.delayed_name_removal) return value;
    std::vector<bool> seen(labels_.table.size());
    for (const Element& element : *vector) {
      LabelsId labels = labels_.table.canonical(element.labels);
      if (seen[labels]) return same_labels(labels_.table[labels]);
      seen[labels] = true;
    }
    return value;
  }

  Result<> spend(size_t samples, size_t series) {
    spent_ += samples;
    worked_ += samples + series;
    if (worked_ > options_.most_work)
      return fail(Errc::kInvalidInput,
                  fmt::format("the query touches more than {} samples and series in all its steps", options_.most_work),
                  "Ask for fewer series, a shorter range, or a longer step.");
    if (spent_ <= options_.most_samples) return {};
    return fail(Errc::kInvalidInput, fmt::format("the query touches more than {} samples", options_.most_samples));
  }

  const Storage& storage_;
  const EvalOptions& options_;
  int64_t start_ms_;
  int64_t end_ms_;
  int64_t step_ms_;
  Steps loop_;
  std::unordered_map<const VectorSelector*, SelectedSeries> selected_;
  std::unordered_map<const Call*, Batch> batches_;
  LabelSpace labels_;
  Annotations annotations_;
  size_t spent_ = 0;   // by this step
  size_t worked_ = 0;  // by all
};

}  // namespace

int64_t scraped_step_ms(Nanos interval) { return std::max<int64_t>(interval / 1ms, 1000); }

Result<QueryResult> eval_instant(const Expr& expr, const Storage& storage, int64_t at_ms, const EvalOptions& options) {
  Evaluator evaluator(storage, options, at_ms, at_ms, 0);
  Value value = TRY(evaluator.eval_step(expr, at_ms));
  return evaluator.annotated(TRY(instant_result(expr, value, evaluator.labels())));
}

Result<QueryResult> eval_range(const Expr& expr, const Storage& storage, int64_t from_ms, int64_t to_ms,
                               int64_t step_ms, const EvalOptions& options) {
  if (expr.kind() != ValueKind::kScalar && expr.kind() != ValueKind::kVector) {
    return fail(Errc::kInvalidInput,
                fmt::format("a range query needs a scalar or a vector, not a {}", kind_name(expr.kind())));
  }
  if (step_ms <= 0 || to_ms < from_ms)
    return fail(Errc::kInvalidInput, "a range query needs from <= to and a step > 0");
  Evaluator evaluator(storage, options, from_ms, to_ms, step_ms);
  RangeResult result(evaluator.labels());
  for (int64_t at = from_ms; at <= to_ms; at += step_ms) TRY_VOID(result.add(TRY(evaluator.eval_step(expr, at)), at));
  return evaluator.annotated(result.take());
}

}  // namespace ordeal::promql
