#include "interop/slo/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::slo {
namespace {

using namespace promql;

// The label that says whose numbers they are; all others tell kinds of events apart.
constexpr std::string_view kJob = "job";

using Names = std::set<std::string>;

// Takes what the matchers want of values: what must have some value may have any. Gives the labels' names.
Names relax(VectorSelector& selector) {
  std::vector<Matcher> kept;
  Names relaxed;
  for (Matcher& matcher : selector.matchers) {
    bool optional = matcher.matches(""), any = matcher.type() == MatchType::kNotEqual && matcher.value().empty();
    if (matcher.name() == kMetricName || matcher.name() == kJob || any) {
      kept.push_back(std::move(matcher));
      continue;
    }
    relaxed.insert(matcher.name());
    if (!optional) kept.push_back(*Matcher::create(MatchType::kNotEqual, matcher.name(), ""));
  }
  selector.matchers = std::move(kept);
  return relaxed;
}

Names relax_all(Expr& expr) {
  Names relaxed;
  if (auto* selector = std::get_if<VectorSelector>(&expr.node)) relaxed = relax(*selector);
  if (auto* range = std::get_if<MatrixSelector>(&expr.node)) relaxed = relax(range->selector);
  for (const Expr* child : children(expr)) relaxed.merge(relax_all(const_cast<Expr&>(*child)));
  return relaxed;
}

// Whether the sum's own labels tell nothing of those.
bool sums_over(const Aggregate& sum, const Names& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    bool listed = std::find(sum.labels.begin(), sum.labels.end(), label) != sum.labels.end();
    return listed == sum.without;
  });
}

bool is_sum(const Aggregate& aggregate) {
  return aggregate.op == AggregateOp::kSum || aggregate.op == AggregateOp::kCount;
}

// "sum(…) or 0 * sum(…)"; "" where the zero would say nothing.
std::string zeroed(const Expr& sum) {
  ExprPtr loose = *parse(print(sum));
  const auto& aggregate = std::get<Aggregate>(loose->node);
  Names relaxed = relax_all(*aggregate.expr);
  if (relaxed.empty() || !sums_over(aggregate, relaxed)) return "";
  std::string text = fmt::format("({} or 0 * {})", print(sum), print(*loose));
  return parse(text) ? text : "";  // a selector may need what was relaxed
}

bool is_arithmetic(BinaryOp op) {
  return op == BinaryOp::kAdd || op == BinaryOp::kSub || op == BinaryOp::kMul || op == BinaryOp::kDiv;
}

void add_zeros(Expr& expr, bool numerator) {
  if (auto* paren = std::get_if<Paren>(&expr.node)) return add_zeros(*paren->expr, numerator);
  if (auto* unary = std::get_if<Unary>(&expr.node)) return add_zeros(*unary->expr, numerator);
  if (auto* binary = std::get_if<Binary>(&expr.node); binary && is_arithmetic(binary->op)) {
    bool divides = binary->op == BinaryOp::kDiv;
    add_zeros(*binary->left, numerator || divides);
    if (!divides) add_zeros(*binary->right, numerator);
    return;
  }
  const auto* aggregate = std::get_if<Aggregate>(&expr.node);
  if (!numerator || !aggregate || !is_sum(*aggregate)) return;
  if (std::string text = zeroed(expr); !text.empty()) expr.node = std::move((*parse(text))->node);
}

}  // namespace

std::string printed(const std::string& query) {
  auto parsed = parse(query);
  return parsed ? print(**parsed) : query;
}

std::string operand(const std::string& query) {
  auto parsed = parse(query);
  bool scalar = parsed && (*parsed)->kind() == ValueKind::kScalar;
  return fmt::format("{}({})", scalar ? "vector" : "", printed(query));
}

std::string without_nan(const std::string& vector) { return fmt::format("({} >= -Inf)", vector); }

std::string with_zeros(const std::string& query) {
  auto parsed = parse(query);
  if (!parsed) return query;
  add_zeros(**parsed, false);
  return print(**parsed);
}

std::string or_zero(const std::string& sum) {
  auto parsed = parse(sum);
  if (!parsed) return sum;
  add_zeros(**parsed, true);
  return print(**parsed);
}

}  // namespace ordeal::slo
