#include "watch/evidence/observe.h"

#include <fmt/core.h>

#include "core/base/text/text.h"

namespace ordeal::watch {

namespace {

using Outcome = Observation::Outcome;
constexpr int64_t kLookbackMs = 5 * 60 * 1000;
constexpr size_t kMostNamed = 5;

std::string name_some(const std::vector<std::string>& names) {
  std::vector<std::string> some(names.begin(), names.begin() + static_cast<long>(std::min(names.size(), kMostNamed)));
  std::string text = join(some, "; ");
  if (names.size() > kMostNamed) text += fmt::format("; and {} more", names.size() - kMostNamed);
  return text;
}

Observation observe_vector(const std::vector<promql::VectorElement>& vector) {
  if (vector.empty()) return trouble(Outcome::kNoSuchSeries, "the query returns no series");
  Observation seen;
  seen.kind = Outcome::kValues;
  std::vector<std::string> not_numbers;
  for (const auto& element : vector) {
    if (std::isnan(element.value)) {
      not_numbers.push_back("{" + element_name(element.labels) + "}");
    } else {
      seen.values.emplace_back(element_name(element.labels), element.value);
    }
  }
  if (seen.values.empty()) seen.kind = Outcome::kNaN;
  if (!not_numbers.empty()) seen.error = "NaN: " + name_some(not_numbers);
  return seen;
}

using Selectors = std::vector<const promql::VectorSelector*>;

void collect(const promql::Expr& expr, Selectors& into) {
  if (auto* selector = std::get_if<promql::VectorSelector>(&expr.node)) into.push_back(selector);
  if (auto* range = std::get_if<promql::MatrixSelector>(&expr.node)) into.push_back(&range->selector);
  for (const promql::Expr* child : promql::children(expr)) collect(*child, into);
}

std::string selector_text(const promql::VectorSelector& selector) {
  std::vector<std::string> matchers;
  for (const auto& matcher : selector.matchers) {
    if (matcher.name() == promql::kMetricName && !selector.name.empty()) continue;
    matchers.push_back(fmt::format("{}{}{}", matcher.name(), matcher.symbol(), promql::quoted(matcher.value())));
  }
  return matchers.empty() ? selector.name : selector.name + "{" + join(matchers, ",") + "}";
}

enum class Presence { kNone, kEnded, kAlive };

Presence presence(const promql::VectorSelector& selector, const promql::Storage& storage, int64_t at_ms) {
  Presence found = Presence::kNone;
  for (const auto& series : storage.select(selector.matchers).series) {
    auto recent = series.between(at_ms - kLookbackMs - 1, at_ms);
    if (recent.empty()) continue;
    if (!promql::is_stale(recent.back().value)) return Presence::kAlive;
    found = Presence::kEnded;
  }
  return found;
}

}  // namespace

std::string element_name(const promql::Labels& labels) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : labels) {
    if (name != promql::kMetricName) parts.push_back(fmt::format("{}={}", name, value));
  }
  return join(parts, ", ");
}

Observation one_value(double value) {
  Observation seen;
  seen.scalar = true;
  seen.kind = std::isnan(value) ? Outcome::kNaN : Outcome::kValues;
  if (seen.kind == Outcome::kValues) seen.values.emplace_back("", value);
  return seen;
}

Observation trouble(Outcome kind, std::string error) {
  Observation seen;
  seen.kind = kind;
  seen.error = std::move(error);
  return seen;
}

Observation observe(const promql::QueryResult& result) {
  switch (result.kind) {
    case promql::ValueKind::kScalar:
      return one_value(result.scalar);
    case promql::ValueKind::kVector:
      return observe_vector(result.vector);
    default:
      return trouble(Outcome::kError, fmt::format("the query returns a {}, which cannot be compared with anything",
                                                  promql::kind_name(result.kind)));
  }
}

Observation explain_empty(const promql::Expr& query, const promql::Storage& storage, int64_t at_ms) {
  Selectors selectors;
  collect(query, selectors);
  std::vector<std::string> missing, ended;
  for (const auto* selector : selectors) {
    Presence found = presence(*selector, storage, at_ms);
    if (found == Presence::kNone) missing.push_back(selector_text(*selector));
    if (found == Presence::kEnded) ended.push_back(selector_text(*selector));
  }
  if (!missing.empty()) return trouble(Outcome::kNoSuchSeries, "no series: " + name_some(missing));
  if (!ended.empty()) return trouble(Outcome::kStale, "ended: " + name_some(ended));
  return trouble(Outcome::kNoSuchSeries, "the query returns no series");
}

}  // namespace ordeal::watch
