#include "judge/trigger_design.h"

#include <fmt/format.h>

#include <cmath>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::judge {
namespace {

using promql::BinaryOp;
using promql::Expr;

std::optional<double> number_of(const Expr& expr) {
  const Expr& bare = promql::inner(expr);
  if (auto* literal = std::get_if<promql::NumberLiteral>(&bare.node)) return literal->value;
  auto* unary = std::get_if<promql::Unary>(&bare.node);
  auto value = unary ? number_of(*unary->expr) : std::nullopt;
  return value ? std::optional(unary->minus ? -*value : *value) : std::nullopt;
}

// An expression that is `scale` times another one plus `offset`.
struct Linear {
  const Expr* of;
  double scale = 1;
  double offset = 0;
};

// One operation with a number taken off, or a scalar(); false when there is none.
bool peel(Linear& linear) {
  const Expr& outer = *linear.of;
  if (auto* call = std::get_if<promql::Call>(&outer.node); call && call->function->name == "scalar") {
    linear.of = call->arguments.front().get();
    return true;
  }
  if (auto* unary = std::get_if<promql::Unary>(&outer.node)) {
    linear.of = unary->expr.get();
    if (unary->minus) linear.scale = -linear.scale;
    return true;
  }
  auto* binary = std::get_if<promql::Binary>(&outer.node);
  if (!binary) return false;
  auto left = number_of(*binary->left), right = number_of(*binary->right);
  if (left.has_value() == right.has_value()) return false;
  double number = left ? *left : *right;
  bool minus_it = binary->op == BinaryOp::kSub && left.has_value();
  if (binary->op == BinaryOp::kDiv && left) return false;
  if (binary->op == BinaryOp::kAdd || binary->op == BinaryOp::kSub) {
    linear.offset += linear.scale * (binary->op == BinaryOp::kSub && right ? -number : number);
    if (minus_it) linear.scale = -linear.scale;
  } else if (binary->op == BinaryOp::kMul || binary->op == BinaryOp::kDiv) {
    linear.scale *= binary->op == BinaryOp::kMul ? number : 1 / number;
  } else {
    return false;
  }
  linear.of = left ? binary->right.get() : binary->left.get();
  return true;
}

Linear peel_all(const Expr& query) {
  Linear linear{&promql::inner(query)};
  while (peel(linear)) linear.of = &promql::inner(*linear.of);
  return linear;
}

// What a side of a ratio is made of, and what all its parts have in common.
struct Increases {
  std::vector<CountedTerm> terms;
  std::vector<std::string> texts;
  const promql::FunctionSpec* function = nullptr;
  std::optional<promql::Duration> range;
  struct Groups {
    bool without = true;
    std::vector<std::string> labels;
    bool operator==(const Groups&) const = default;
  };
  std::optional<Groups> groups;

  bool add(const Expr& expr, double sign);

 private:
  bool add_call(const promql::Call& call, double sign);
  bool add_sum(const promql::Aggregate& aggregate, double sign);
  bool add_binary(const promql::Binary& binary, double sign);
  template <typename T>
  static bool agree(std::optional<T>& known, const T& value) {
    if (!known) known = value;
    return *known == value;
  }
};

bool Increases::add(const Expr& expr, double sign) {
  const Expr& bare = promql::inner(expr);
  if (auto* aggregate = std::get_if<promql::Aggregate>(&bare.node)) return add_sum(*aggregate, sign);
  if (auto* binary = std::get_if<promql::Binary>(&bare.node)) return add_binary(*binary, sign);
  auto* call = std::get_if<promql::Call>(&bare.node);
  return call && agree(groups, Groups{}) && add_call(*call, sign);
}

bool Increases::add_call(const promql::Call& call, double sign) {
  std::string_view name = call.function->name;
  if (name != "rate" && name != "increase" && name != "irate") return false;
  auto* matrix = std::get_if<promql::MatrixSelector>(&promql::inner(*call.arguments.front()).node);
  if (!matrix || matrix->selector.shift != promql::TimeShift{}) return false;
  if (function && function != call.function) return false;
  if (!agree(range, matrix->range)) return false;
  function = call.function;
  terms.push_back({matrix->selector.matchers, sign});
  Expr selector;
  selector.node = matrix->selector;
  texts.push_back((sign < 0 ? "less " : "") + promql::print(selector));
  return true;
}

bool Increases::add_sum(const promql::Aggregate& aggregate, double sign) {
  if (aggregate.op != promql::AggregateOp::kSum || !agree(groups, Groups{aggregate.without, aggregate.labels}))
    return false;
  auto* call = std::get_if<promql::Call>(&promql::inner(*aggregate.expr).node);
  return call && add_call(*call, sign);
}

bool Increases::add_binary(const promql::Binary& binary, double sign) {
  if (binary.matching_given) return false;
  if (binary.op == BinaryOp::kOr) {
    auto* call = std::get_if<promql::Call>(&promql::inner(*binary.right).node);
    bool zero = call && call->function->name == "vector" && number_of(*call->arguments.front()) == 0;
    return zero && add(*binary.left, sign);
  }
  if (binary.op != BinaryOp::kAdd && binary.op != BinaryOp::kSub) return false;
  return add(*binary.left, sign) && add(*binary.right, binary.op == BinaryOp::kSub ? -sign : sign);
}

bool same_shape(const Increases& a, const Increases& b) {
  return a.function == b.function && a.range == b.range && a.groups == b.groups;
}

std::string list(const std::vector<std::string>& texts) { return fmt::format("{}", fmt::join(texts, " and ")); }

TriggerDesign only_expression(std::string why) { return {TriggerDesign::Signal::kExpression, {}, std::move(why)}; }

TriggerDesign counting(CountDesign counts, std::string text) {
  if (!(counts.allowed > 0 && counts.allowed < 1))
    return only_expression(fmt::format("a share of {:g} bad events is always or never reached", counts.allowed));
  return {TriggerDesign::Signal::kCounts, std::move(counts), std::move(text)};
}

bool wants_less(expr::Comparison comparison) {
  return comparison == expr::Comparison::kLess || comparison == expr::Comparison::kLessEqual;
}
bool wants_more(expr::Comparison comparison) {
  return comparison == expr::Comparison::kGreater || comparison == expr::Comparison::kGreaterEqual;
}

std::optional<TriggerDesign> design_ratio(Linear linear, const expr::Threshold& threshold) {
  auto* binary = std::get_if<promql::Binary>(&linear.of->node);
  if (!binary || binary->op != BinaryOp::kDiv || binary->matching_given) return std::nullopt;
  Linear left = peel_all(*binary->left), right = peel_all(*binary->right);
  if (left.offset != 0 || right.offset != 0 || left.scale == 0 || right.scale == 0) return std::nullopt;
  linear.scale *= left.scale / right.scale;
  Increases part, whole;
  if (!part.add(*left.of, 1) || !whole.add(*right.of, 1) || !same_shape(part, whole)) return std::nullopt;
  CountDesign counts;
  counts.total = whole.terms;
  counts.without = whole.groups->without;
  counts.labels = whole.groups->labels;
  counts.bad = part.terms;
  counts.allowed = (threshold.value - linear.offset) / linear.scale;
  bool less = wants_less(threshold.comparison) == (linear.scale > 0);
  std::string bad = list(part.texts);
  if (!less) {
    // The part is the good one.
    counts.allowed = 1 - counts.allowed;
    for (CountedTerm& term : counts.bad) term.sign = -term.sign;
    counts.bad.insert(counts.bad.begin(), whole.terms.begin(), whole.terms.end());
    bad = "not " + bad;
  }
  std::string text = fmt::format("of {}, more than {:.4g} % are {}", list(whole.texts), counts.allowed * 100, bad);
  return counting(std::move(counts), std::move(text));
}

// The buckets, and the grouping without `le`.
bool take_buckets(const Expr& expr, CountDesign& counts, std::string& text) {
  Increases buckets;
  if (!buckets.add(expr, 1) || buckets.terms.size() != 1) return false;
  counts.total = buckets.terms;
  counts.without = buckets.groups->without;
  for (const std::string& label : buckets.groups->labels)
    if (label != "le") counts.labels.push_back(label);
  text = buckets.texts.front();
  return counts.without || counts.labels.size() < buckets.groups->labels.size();
}

std::optional<TriggerDesign> design_quantile(const Linear& linear, const expr::Threshold& threshold) {
  auto* call = std::get_if<promql::Call>(&linear.of->node);
  if (!call || call->function->name != "histogram_quantile") return std::nullopt;
  auto quantile = number_of(*call->arguments[0]);
  CountDesign counts;
  std::string buckets;
  if (!quantile || !take_buckets(*call->arguments[1], counts, buckets)) return std::nullopt;
  if (wants_less(threshold.comparison) != (linear.scale > 0))
    return only_expression("a quantile that must be large is not a sign of bad events");
  counts.allowed = 1 - *quantile;
  counts.latency = (threshold.value - linear.offset) / linear.scale;
  std::string text =
      fmt::format("of {}, more than {:.4g} % are above {:g}", buckets, counts.allowed * 100, *counts.latency);
  return counting(std::move(counts), std::move(text));
}

bool needs_window(const Expr& expr) {
  if (std::holds_alternative<promql::MatrixSelector>(expr.node) || std::holds_alternative<promql::Subquery>(expr.node))
    return true;
  for (const Expr* child : promql::children(expr))
    if (needs_window(*child)) return true;
  return false;
}

}  // namespace

const char* to_text(TriggerDesign::Signal kind) {
  constexpr const char* kTexts[] = {"counts", "gauge", "expression"};
  return kTexts[static_cast<size_t>(kind)];
}

TriggerDesign design_trigger(const Expr& query, const expr::Condition& condition) {
  if (!needs_window(query))
    return {TriggerDesign::Signal::kGauge, {}, "it has no window, so a violation must last two checks in a row"};
  auto threshold = condition.threshold();
  if (!threshold || !(wants_less(threshold->comparison) || wants_more(threshold->comparison)))
    return only_expression("the condition is not a comparison with a number by <, <=, > or >=");
  Linear linear = peel_all(query);
  if (linear.scale == 0) return only_expression("the query does not depend on what it reads");
  auto design = design_ratio(linear, *threshold);
  if (!design) design = design_quantile(linear, *threshold);
  if (!design)
    return only_expression("the query is neither a ratio of rates, nor a quantile of a histogram, nor a gauge");
  bool one_group = !design->counts.without && design->counts.labels.empty();
  if (!one_group && !condition.uses_bare_result())
    return only_expression("the condition picks some of several results");
  return std::move(*design);
}

TriggerDesign design_trigger(const Expectation& expectation) {
  if (expectation.query.empty()) return only_expression("a probe is a single check");
  if (!expectation.fast) return only_expression("fast is false");
  auto query = promql::parse(expectation.query);
  auto condition = expr::Condition::parse(expectation.condition);
  if (!query || !condition) return only_expression("Ordeal's own PromQL does not understand the query");
  return design_trigger(**query, *condition);
}

}  // namespace ordeal::judge
