#include "promql/eval/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "promql/eval/aggregate.h"
#include "promql/eval/binary.h"
#include "promql/functions/function_table.h"

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
      : storage_(storage), options_(options), start_ms_(start_ms), end_ms_(end_ms), step_ms_(step_ms) {}

  Annotations& annotations() { return annotations_; }

  // The limit on samples holds for each step by itself.
  Result<Value> eval_step(const Expr& expr, int64_t at_ms) {
    spent_ = 0;
    return eval(expr, at_ms);
  }

 private:
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
    Value result = TRY(apply_binary(binary, std::move(left), std::move(right), at_ms, options_));
    return vectors ? unique(std::move(result)) : dropped(std::move(result));
  }

  Result<Value> eval_node(const Aggregate& aggregate, int64_t at_ms) {
    Value parameter;
    if (aggregate.parameter) parameter = TRY(eval(*aggregate.parameter, at_ms));
    if (aggregate.op == AggregateOp::kQuantile) check_quantile(*aggregate.parameter, std::get<double>(parameter));
    Value value = TRY(eval(*aggregate.expr, at_ms));
    Vector& vector = std::get<Vector>(value);
    if (reads_metadata(aggregate)) settle_names(vector, options_);
    return apply_aggregate(aggregate, aggregate.parameter ? &parameter : nullptr, std::move(vector), at_ms);
  }

  Result<Value> eval_node(const VectorSelector& selector, int64_t at_ms) {
    int64_t to = TRY(shifted(selector.shift, at_ms));
    Vector vector;
    vector.reserve(selected(selector).size());
    for (const Series& series : selected(selector)) {
      auto window = series.between(to - options_.lookback_ms, to);
      if (window.empty() || is_stale(window.back().value)) continue;
      vector.push_back({series.labels, window.back().value, window.back().ms, false});
    }
    TRY_VOID(spend(vector.size()));
    return vector;
  }

  Result<Value> eval_node(const MatrixSelector& matrix, int64_t at_ms) {
    int64_t to = TRY(shifted(matrix.selector.shift, at_ms));
    Matrix out{{}, to - TRY(length(matrix.range)), to};
    out.series.reserve(selected(matrix.selector).size());
    for (const Series& series : selected(matrix.selector)) {
      RangeSeries range{series.labels, series.between(out.from_ms, to)};
      TRY_VOID(spend(range.samples.size()));
      range.drop_stale();
      if (!range.samples.empty()) out.series.push_back(std::move(range));
    }
    return out;
  }

  // Asked of the storage once, however many steps the query has.
  const std::vector<Series>& selected(const VectorSelector& selector) {
    auto [at, fresh] = selected_.try_emplace(&selector);
    if (fresh) at->second = storage_.select(selector.matchers);
    return at->second;
  }

  // Steps lie on multiples of the step, whenever the query is asked.
  Result<Value> eval_node(const Subquery& subquery, int64_t at_ms) {
    int64_t to = TRY(shifted(subquery.shift, at_ms));
    Matrix out{{}, to - TRY(length(subquery.range)), to};
    int64_t step = subquery.step ? TRY(length(*subquery.step)) : options_.default_step_ms;
    int64_t first = out.from_ms - out.from_ms % step;
    while (first <= out.from_ms) first += step;
    std::map<Labels, RangeSeries> found;
    for (int64_t at = first; at <= to; at += step) {
      TRY_VOID(spend(1));
      Value value = TRY(eval(*subquery.expr, at));
      settle_names(std::get<Vector>(value), options_);
      for (Element& element : std::get<Vector>(value)) {
        RangeSeries& series = found[element.labels];
        series.own.push_back({at, element.value});
        series.drop_name = element.drop_name;
      }
    }
    for (auto& [labels, series] : found) {
      series.labels = labels;
      series.samples = series.own;
      out.series.push_back(std::move(series));
    }
    return out;
  }

  Result<Value> eval_call(const Expr& expr, const Call& call, int64_t at_ms) {
    std::vector<Value> arguments;
    for (const ExprPtr& argument : call.arguments) arguments.push_back(TRY(eval(*argument, at_ms)));
    bool reads_labels = std::holds_alternative<GeneralFunction>(call.function->implementation);
    for (Value& argument : arguments)
      if (auto* vector = std::get_if<Vector>(&argument); vector && reads_labels) settle_names(*vector, options_);
    if (auto at = call.function->quantile_argument)
      check_quantile(*call.arguments[*at], std::get<double>(arguments[*at]));
    const Implementation& implementation = call.function->implementation;
    if (const auto* map = std::get_if<MapFunction>(&implementation)) return dropped(mapped(*map, arguments[0]));
    if (const auto* window = std::get_if<WindowFunction>(&implementation)) {
      return dropped(over_windows(*window, call, arguments, at_ms));
    }
    const auto* general = std::get_if<GeneralFunction>(&implementation);
    if (!general) return fail(Errc::kUnsupported, fmt::format("{}() is not supported yet", call.function->name));
    CallSite site{expr, call, at_ms, start_ms_ != end_ms_, options_, annotations_};
    Value result = TRY((*general)(site, arguments));
    // It may have written labels as well as dropped names.
    if (auto* vector = std::get_if<Vector>(&result)) settle_names(*vector, options_);
    return unique(std::move(result));
  }

  static Value mapped(MapFunction function, Value& argument) {
    for (Element& element : std::get<Vector>(argument)) {
      element.value = function(element.value);
      drop_name(element);
    }
    return std::move(argument);
  }

  Value over_windows(WindowFunction function, const Call& call, std::vector<Value>& arguments, int64_t at_ms) {
    const FunctionSpec& spec = *call.function;
    std::vector<double> scalars;
    Matrix* matrix = nullptr;
    for (Value& argument : arguments) {
      if (double* scalar = std::get_if<double>(&argument)) scalars.push_back(*scalar);
      if (auto* found = std::get_if<Matrix>(&argument)) matrix = found;
    }
    Vector out;
    out.reserve(matrix->series.size());
    for (RangeSeries& series : matrix->series) {
      auto value = function({series.samples, matrix->from_ms, matrix->to_ms, at_ms, scalars});
      if (!value) continue;
      if (spec.of_counters) check_counter(*call.arguments[0], series.labels.get(kMetricName));
      Element element{std::move(series.labels), *value, at_ms, series.drop_name};
      if (!spec.keeps_name) drop_name(element);
      out.push_back(std::move(element));
    }
    return out;
  }

  void check_quantile(const Expr& at, double q) {
    if (q >= 0 && q <= 1) return;
    annotations_.warn(at, fmt::format("quantile value should be between 0 and 1, got {}", value_text(q)));
  }

  void check_counter(const Expr& at, std::string_view name) {
    if (name.empty()) return;
    for (std::string_view suffix : {"_total", "_sum", "_count", "_bucket"})
      if (name.ends_with(suffix)) return;
    annotations_.info(at,
                      fmt::format("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                                  quoted(name)));
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
  Result<Value> dropped(Value value) const {
    auto* vector = std::get_if<Vector>(&value);
    if (!vector || vector->empty()) return value;
    if (options_.delayed_name_removal) return value;
    std::string_view metric = vector->front().labels.get(kMetricName);
    auto collides = [&](const Element& element) { return element.drop_name && may_collide(metric, element.labels); };
    if (std::none_of(vector->begin(), vector->end(), collides)) return value;
    settle_names(*vector, options_);
    return unique(std::move(value));
  }

  // Dropping names can make two elements of one; with delayed removal that shows at the end of the query.
  Result<Value> unique(Value value) const {
    const Vector* vector = std::get_if<Vector>(&value);
    if (!vector || options_.delayed_name_removal) return value;
    std::unordered_set<Labels, LabelsHash> seen;
    for (const Element& element : *vector) {
      if (seen.insert(element.labels).second) continue;
      return fail(Errc::kInvalidInput,
                  fmt::format("vector cannot contain metrics with the same labelset: {}", element.labels.text()));
    }
    return value;
  }

  Result<> spend(size_t samples) {
    spent_ += samples;
    if (spent_ <= options_.most_samples) return {};
    return fail(Errc::kInvalidInput, fmt::format("the query touches more than {} samples", options_.most_samples));
  }

  const Storage& storage_;
  const EvalOptions& options_;
  int64_t start_ms_;
  int64_t end_ms_;
  int64_t step_ms_;
  std::unordered_map<const VectorSelector*, std::vector<Series>> selected_;
  Annotations annotations_;
  size_t spent_ = 0;
};

template <typename Item>
Result<> check_unique(const std::vector<Item>& items) {
  std::unordered_set<Labels, LabelsHash> seen;
  for (const Item& item : items) {
    if (seen.insert(item.labels).second) continue;
    return fail(Errc::kInvalidInput,
                fmt::format("vector cannot contain metrics with the same labelset: {}", item.labels.text()));
  }
  return {};
}

// sort(), topk() and the like decide the order of a vector; any other comes by its labels.
bool keeps_order(const Expr& expr) {
  const Expr& top = inner(expr);
  if (const auto* call = std::get_if<Call>(&top.node)) return call->function->name.starts_with("sort");
  const auto* aggregate = std::get_if<Aggregate>(&top.node);
  return aggregate && (aggregate->op == AggregateOp::kTopk || aggregate->op == AggregateOp::kBottomk);
}

template <typename Item>
void sort_by_labels(std::vector<Item>& items) {
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.labels < b.labels; });
}

Result<QueryResult> result_of(const Expr& expr, Value value, bool in_order = true) {
  QueryResult result;
  result.kind = expr.kind();
  if (auto* scalar = std::get_if<double>(&value)) result.scalar = *scalar;
  if (auto* string = std::get_if<std::string>(&value)) result.string = std::move(*string);
  auto finish = [](Labels labels, bool drop) {
    if (drop) erase_metadata(labels);
    return labels;
  };
  if (auto* vector = std::get_if<Vector>(&value)) {
    for (Element& element : *vector) {
      result.vector.push_back({finish(std::move(element.labels), element.drop_name), element.value});
    }
    TRY_VOID(check_unique(result.vector));
    if (in_order && !keeps_order(expr)) sort_by_labels(result.vector);
  }
  if (auto* matrix = std::get_if<Matrix>(&value)) {
    for (RangeSeries& series : matrix->series) {
      result.matrix.push_back(
          {finish(std::move(series.labels), series.drop_name), {series.samples.begin(), series.samples.end()}});
    }
    TRY_VOID(check_unique(result.matrix));
    sort_by_labels(result.matrix);
  }
  return result;
}

void annotate(QueryResult& result, Annotations& annotations) {
  result.warnings = std::move(annotations.warnings);
  result.infos = std::move(annotations.infos);
}

}  // namespace

Result<QueryResult> eval_instant(const Expr& expr, const Storage& storage, int64_t at_ms, const EvalOptions& options) {
  Evaluator evaluator(storage, options, at_ms, at_ms, 0);
  QueryResult result = TRY(result_of(expr, TRY(evaluator.eval_step(expr, at_ms))));
  annotate(result, evaluator.annotations());
  return result;
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
  std::unordered_map<Labels, std::vector<Sample>, LabelsHash> found;
  for (int64_t at = from_ms; at <= to_ms; at += step_ms) {
    Value value = TRY(evaluator.eval_step(expr, at));
    QueryResult point = TRY(result_of(expr, std::move(value), false));
    if (point.kind == ValueKind::kScalar) found[{}].push_back({at, point.scalar});
    for (VectorElement& element : point.vector) found[element.labels].push_back({at, element.value});
  }
  QueryResult result;
  result.kind = ValueKind::kMatrix;
  for (auto& [labels, samples] : found) result.matrix.push_back({labels, std::move(samples)});
  sort_by_labels(result.matrix);
  annotate(result, evaluator.annotations());
  return result;
}

}  // namespace ordeal::promql
