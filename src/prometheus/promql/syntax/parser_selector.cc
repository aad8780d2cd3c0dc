#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/parse_state.h"

namespace ordeal::promql {
namespace {

constexpr std::string_view kMatchSymbols[] = {"=", "!=", "=~", "!~"};
constexpr double kMostSeconds = 9e12;

std::optional<MatchType> match_type(const Token& token) {
  for (int i = 0; i < 4; ++i) {
    if (token.kind == TokenKind::kSymbol && token.text == kMatchSymbols[i]) return static_cast<MatchType>(i);
  }
  return std::nullopt;
}

}  // namespace

Result<ExprPtr> ParseState::parse_selector() {
  size_t at = token().at;
  VectorSelector selector;
  if (token().kind == TokenKind::kWord) TRY_VOID(add_name(selector, std::string(take().text), at));
  if (at_symbol("{")) TRY_VOID(parse_matchers(selector));
  TRY_VOID(check_selector(selector, at));
  return make(at, std::move(selector));
}

Result<> ParseState::parse_matchers(VectorSelector& selector) {
  take();
  while (!at_symbol("}")) {
    TRY_VOID(parse_matcher(selector));
    if (!at_symbol("}") && !take_symbol(",")) return unexpected("',' or '}' after a label matcher");
  }
  take();
  return {};
}

Result<> ParseState::parse_matcher(VectorSelector& selector) {
  bool quoted_name = token().kind == TokenKind::kString;
  if (!quoted_name && token().kind != TokenKind::kWord) return unexpected("a label name");
  Token name = take();
  std::string label = quoted_name ? name.string : std::string(name.text);
  if (quoted_name && (at_symbol(",") || at_symbol("}"))) return add_name(selector, std::move(label), name.at);
  if (quoted_name ? label.empty() : !is_plain_name(label, false)) {
    return fail_here(name.at, fmt::format("{} is not a label name", name.text));
  }
  auto type = match_type(token());
  if (!type) return unexpected("one of = != =~ !~");
  take();
  if (token().kind != TokenKind::kString) return unexpected("a quoted value");
  Token value = take();
  auto matcher = Matcher::create(*type, std::move(label), std::move(value.string));
  if (!matcher) return fail_here(value.at, matcher.error().what);
  selector.matchers.push_back(std::move(*matcher));
  return {};
}

Result<> ParseState::add_name(VectorSelector& selector, std::string name, size_t at) const {
  if (name.empty()) return fail_here(at, "a metric's name must not be empty");
  if (!selector.name.empty()) {
    return fail_here(at, fmt::format("the metric's name is set twice: {} and {}", promql::quoted(selector.name),
                                     promql::quoted(name)));
  }
  selector.matchers.insert(selector.matchers.begin(),
                           TRY(Matcher::create(MatchType::kEqual, std::string(kMetricName), name)));
  selector.name = std::move(name);
  return {};
}

Result<> ParseState::check_selector(const VectorSelector& selector, size_t at) const {
  bool first = true;
  bool selective = false;
  for (const Matcher& matcher : selector.matchers) {
    selective = selective || !matcher.matches("");
    bool own = first && !selector.name.empty();
    first = false;
    if (own || matcher.name() != kMetricName || selector.name.empty()) continue;
    return fail_here(at, fmt::format("the metric's name is set twice: {} and {}", promql::quoted(selector.name),
                                     promql::quoted(matcher.value())));
  }
  if (selective) return {};
  return fail_here(at, "a selector needs at least one matcher that does not match the empty string");
}

Result<ExprPtr> ParseState::parse_postfix(ExprPtr expr) {
  offset_given_ = at_given_ = false;
  for (;;) {
    if (at_symbol("[")) {
      expr = TRY(parse_range(std::move(expr)));
      offset_given_ = at_given_ = false;
    } else if (at_keyword("offset")) {
      TRY_VOID(parse_offset(*expr));
    } else if (at_symbol("@")) {
      TRY_VOID(parse_at(*expr));
    } else if (at_keyword("anchored") || at_keyword("smoothed")) {
      return unsupported(
          token().at, fmt::format("the {} modifier is experimental in Prometheus and not supported", token().string));
    } else {
      return expr;
    }
  }
}

Result<ExprPtr> ParseState::parse_range(ExprPtr expr) {
  size_t bracket = take().at;
  Duration range = TRY(parse_positive_duration());
  if (take_symbol(":")) {
    Subquery subquery;
    subquery.range = range;
    if (!at_symbol("]")) subquery.step = TRY(parse_positive_duration());
    TRY_VOID(need_symbol("]", "to close the subquery"));
    TRY_VOID(want(*expr, ValueKind::kVector, "a subquery"));
    size_t at = expr->at;
    subquery.expr = std::move(expr);
    return make(at, std::move(subquery));
  }
  if (!at_symbol("]")) return unexpected("']' or ':' after the range");
  take();
  auto* selector = std::get_if<VectorSelector>(&expr->node);
  if (!selector) return fail_here(bracket, "a range goes with a selector only; a subquery is written [5m:]");
  if (offset_given_ || at_given_) return fail_here(bracket, "offset and @ come after the range");
  return make(expr->at, MatrixSelector{std::move(*selector), range});
}

Result<TimeShift*> ParseState::shift_of(Expr& expr, std::string_view modifier) const {
  if (auto* selector = std::get_if<VectorSelector>(&expr.node)) return &selector->shift;
  if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return &matrix->selector.shift;
  if (auto* subquery = std::get_if<Subquery>(&expr.node)) return &subquery->shift;
  return fail_here(token().at, fmt::format("{} goes after a selector or a subquery only", modifier));
}

Result<> ParseState::parse_offset(Expr& expr) {
  TimeShift* shift = TRY(shift_of(expr, "offset"));
  size_t at = take().at;
  if (offset_given_) return fail_here(at, "offset is given twice");
  offset_given_ = true;
  shift->offset = TRY(parse_offset_duration());
  return {};
}

Result<> ParseState::parse_at(Expr& expr) {
  TimeShift* shift = TRY(shift_of(expr, "@"));
  size_t at = take().at;
  if (at_given_) return fail_here(at, "@ is given twice");
  at_given_ = true;
  if (at_keyword("start") || at_keyword("end")) {
    shift->at = take().string == "start" ? TimeShift::At::kStart : TimeShift::At::kEnd;
    TRY_VOID(need_symbol("(", "after start or end"));
    return need_symbol(")", "after start( or end(");
  }
  bool minus = at_symbol("-");
  if (minus || at_symbol("+")) take();
  bool word = token().kind == TokenKind::kWord;
  std::optional<double> number = word ? parse_promql_number(token().string) : std::nullopt;
  if (token().kind == TokenKind::kNumber || token().kind == TokenKind::kDuration) number = token().number;
  if (!number) return unexpected("a time in seconds, start() or end()");
  size_t number_at = take().at;
  if (!(std::abs(*number) < kMostSeconds)) return fail_here(number_at, "the time after @ is out of range");
  shift->at = TimeShift::At::kTime;
  shift->at_ms = std::llround((minus ? -*number : *number) * 1000);
  return {};
}

}  // namespace ordeal::promql
