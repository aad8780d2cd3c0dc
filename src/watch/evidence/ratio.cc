#include "watch/evidence/ratio.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"
#include "watch/evidence/evidence.h"
#include "watch/evidence/observe.h"
#include "watch/evidence/series_life.h"
#include "watch/evidence/unseen.h"

namespace ordeal::watch {

namespace {

using Outcome = Observation::Outcome;

bool failed(const Observation& seen) { return seen.kind == Outcome::kError || seen.kind == Outcome::kTimedOut; }

Observation side_failed(const char* side, const Observation& seen) {
  return trouble(seen.kind, std::string("the ratio is empty, and its ") + side + ": " + seen.error);
}

using Matchers = std::vector<promql::Matcher>;

Observation no_zero(Outcome kind, const std::string& why) {
  return trouble(kind, "the ratio is empty, and its numerator does not count as 0: " + why);
}

bool says_where(const promql::Matcher& matcher) {
  return matcher.name() == promql::kMetricName || names_a_source(matcher.name());
}

Matchers only(const Matchers& all, bool where) {
  Matchers some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some),
               [&](const promql::Matcher& matcher) { return says_where(matcher) == where; });
  return some;
}

std::vector<promql::VectorSelector> selectors_of(const promql::Expr& expr) {
  Needs needs = needs_of(expr);
  for (Need& need : needs.of) needs.compared.push_back(std::move(need.selector));
  return needs.compared;
}

// As `expr`, with other matchers.
template <typename Change>
void change_selectors(promql::Expr& expr, Change change) {
  if (auto* selector = std::get_if<promql::VectorSelector>(&expr.node)) change(selector->matchers);
  if (auto* range = std::get_if<promql::MatrixSelector>(&expr.node)) change(range->selector.matchers);
  // The whole tree is the caller's own.
  for (const promql::Expr* child : promql::children(expr)) change_selectors(const_cast<promql::Expr&>(*child), change);
}

template <typename Change>
promql::ExprPtr with_selectors(const promql::Expr& expr, Change change) {
  promql::ExprPtr copy = *promql::parse(promql::print(expr));
  change_selectors(*copy, change);
  return copy;
}

bool known(const Matchers& matchers, const NumeratorStore& store) {
  SeriesLife life = life_of(matchers, store.storage, store.at_ms);
  return life.alive || life.lost;
}

// As many of the matchers as find series together, beginning with the value of this number.
Matchers that_find(const Matchers& matchers, size_t first, const NumeratorStore& store) {
  Matchers found = only(matchers, true), values = only(matchers, false);
  for (size_t i = 0; i < values.size(); ++i) {
    found.push_back(values[(first + i) % values.size()]);
    if (!known(found, store)) found.pop_back();
  }
  return found;
}

// What such a query selects, or would select, is not in the store.
std::optional<Observation> selects_something(const promql::Expr& numerator, const NumeratorStore& store) {
  for (const promql::VectorSelector& selector : selectors_of(numerator)) {
    SeriesLife life = life_of(selector.matchers, store.storage, store.at_ms);
    if (life.alive)
      return no_zero(Outcome::kNoSuchSeries, text_of(selector) +
                                                 " has series that give no value now (fewer than two samples in its "
                                                 "window, another time, or a comparison or match that leaves none)");
    if (life.lost) return no_zero(Outcome::kStale, "ended: " + text_of(selector));
  }
  return std::nullopt;
}

// Of metrics that never had a series: they are announced, or none is expected.
bool all_to_come(const promql::Expr& numerator, const NumeratorStore& store) {
  auto selectors = selectors_of(numerator);
  return std::all_of(selectors.begin(), selectors.end(), [&](const promql::VectorSelector& selector) {
    Matchers where = only(selector.matchers, true), names, sources;
    for (const auto& matcher : where) (names_a_source(matcher.name()) ? sources : names).push_back(matcher);
    if (!store.storage.select(names).series.empty()) return false;
    return store.announced(selector.name) || (!store.expect_series && all_up(sources, store.storage));
  });
}

std::optional<Observation> gives_nothing_anyway(const promql::Expr& numerator, const NumeratorStore& store) {
  size_t values = 1;
  for (const auto& selector : selectors_of(numerator)) values = std::max(values, selector.matchers.size());
  for (size_t first = 0; first < values; ++first) {
    promql::ExprPtr wider =
        with_selectors(numerator, [&](Matchers& matchers) { matchers = that_find(matchers, first, store); });
    auto result = promql::eval_instant(*wider, store.storage, store.at_ms, store.eval_options);
    if (!result) return no_zero(Outcome::kError, result.error().message());
    if (!result->vector.empty()) continue;
    Observation why = explain_empty(*wider, store.storage, store.at_ms);
    return no_zero(why.kind, promql::print(*wider) + " has no value either (" + why.error + ")");
  }
  return std::nullopt;
}

}  // namespace

std::string without_values(const promql::Expr& numerator) {
  return promql::print(*with_selectors(numerator, [](Matchers& matchers) { matchers = only(matchers, true); }));
}

std::string selected_query(const promql::Expr& numerator, Nanos ago) {
  auto lost = [ms = std::max<int64_t>(ago / 1ms, 1)](const std::string& series) {
    return fmt::format("(count_over_time({}[{}ms]) unless on (job, instance) (up == 1))", series, ms);
  };
  std::vector<std::string> parts;
  for (promql::VectorSelector& selector : selectors_of(numerator)) {
    selector.shift = {};
    std::string all = text_of(selector);
    parts.push_back(fmt::format("count({} or {})", all, lost(all)));
    for (const promql::Matcher& value : only(selector.matchers, false)) {
      promql::VectorSelector one{selector.name, only(selector.matchers, true), {}};
      one.matchers.push_back(value);
      parts.push_back(fmt::format("(count({}) unless count({}))", lost(text_of(one)), text_of(one)));
    }
  }
  return join(parts, " or ");
}

std::optional<Observation> why_no_zero(const Observation& wider, const Observation& selected) {
  if (failed(wider)) return side_failed("numerator", wider);
  if (failed(selected)) return side_failed("numerator", selected);
  if (selected.kind != Outcome::kNoSuchSeries)
    return no_zero(Outcome::kNoSuchSeries,
                   "it selects series, and they ended with their target or give no value now (fewer than two samples "
                   "in its window, another time, or a comparison or match that leaves none)");
  if (wider.kind == Outcome::kNoSuchSeries)
    return no_zero(Outcome::kNoSuchSeries, "without the values that it asks for it has no value either");
  return std::nullopt;
}

std::optional<Observation> why_no_zero(const promql::Expr& numerator, const NumeratorStore& store) {
  if (auto something = selects_something(numerator, store)) return something;
  if (all_to_come(numerator, store)) return std::nullopt;
  auto seen = look_up(numerator, known_to(store.storage, store.announced));
  if (!seen) return no_zero(Outcome::kError, seen.error().message());
  if (!seen->unseen.empty() && store.expect_series) return no_zero(Outcome::kNoSuchSeries, seen->unseen);
  return gives_nothing_anyway(numerator, store);
}

std::optional<RatioSides> ratio_sides(const promql::Expr& query) {
  if (auto* paren = std::get_if<promql::Paren>(&query.node)) return ratio_sides(*paren->expr);
  auto* binary = std::get_if<promql::Binary>(&query.node);
  if (!binary || binary->op != promql::BinaryOp::kDiv) return std::nullopt;
  for (const auto* side : {binary->left.get(), binary->right.get()})
    if (side->kind() != promql::ValueKind::kVector) return std::nullopt;
  return RatioSides{binary->left.get(), binary->right.get()};
}

Observation judge_empty_ratio(const Observation& empty, const Observation& numerator, const Observation& denominator) {
  if (failed(numerator)) return side_failed("numerator", numerator);
  if (failed(denominator)) return side_failed("denominator", denominator);
  bool counted = numerator.kind == Outcome::kValues || numerator.kind == Outcome::kNaN;
  bool there = denominator.kind == Outcome::kValues || denominator.kind == Outcome::kNaN;
  if (counted && there)
    return trouble(Outcome::kNoSuchSeries, "both sides of the division have series, and none of them match");
  bool flows = std::any_of(denominator.values.begin(), denominator.values.end(),
                           [](const auto& element) { return element.second > 0; });
  if (counted || !flows) return empty;
  Observation zero = one_value(0);
  zero.error = "the numerator has no series yet";
  return zero;
}

}  // namespace ordeal::watch
