#include "watch/evidence/unseen.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "prometheus/promql/syntax/printer.h"
#include "watch/evidence/evidence.h"

namespace ordeal::watch {
namespace {

using Matchers = std::vector<promql::Matcher>;
using promql::Matcher;

std::string near(const std::string& word, const std::vector<std::string>& names) {
  std::string found = json::nearest(word, std::vector<std::string_view>(names.begin(), names.end()));
  return found.empty() ? "" : fmt::format("; the nearest is {}", found);
}

Matchers those_of(const Matchers& all, bool (*wanted)(const std::string&)) {
  Matchers some;
  for (const Matcher& matcher : all)
    if (wanted(matcher.name())) some.push_back(matcher);
  return some;
}

bool is_name(const std::string& label) { return label == promql::kMetricName; }

Result<std::string> no_such_metric(const promql::VectorSelector& selector, const Matchers& names,
                                   const KnownSeries& known) {
  if (selector.name.empty()) return "no metric has a name that matches " + text_of(selector);
  if (known.announced && known.announced(selector.name)) return std::string();
  auto others = TRY(known.values(std::string(promql::kMetricName), {}, selector.name));
  return fmt::format("there is no metric {}{}", names.front().value(), near(selector.name, others));
}

Result<std::string> no_such_source(const std::string& metric, const Matchers& names, const Matchers& sources,
                                   const KnownSeries& known) {
  for (const Matcher& source : sources) {
    Matchers with_it = names;
    with_it.push_back(source);
    if (TRY(known.any(with_it))) continue;
    auto others = TRY(known.values(source.name(), names, source.value()));
    return fmt::format("{} has no {} {}{}", metric, source.name(), source.value(), near(source.value(), others));
  }
  return fmt::format("no series of {} has that job and instance", metric);
}

// Of matchers that the absence of a label does not satisfy.
Result<std::string> no_such_label(const std::string& metric, const Matchers& found, const Matchers& all,
                                  const KnownSeries& known) {
  auto labels = TRY(known.labels(found));
  for (const Matcher& matcher : all) {
    if (is_name(matcher.name()) || matcher.matches("")) continue;
    if (std::find(labels.begin(), labels.end(), matcher.name()) != labels.end()) continue;
    return fmt::format("{} has no label {}{}", metric, matcher.name(), near(matcher.name(), labels));
  }
  return std::string();
}

// "" where only a value finds nothing.
Result<std::string> explain(const promql::VectorSelector& selector, const KnownSeries& known) {
  Matchers names = those_of(selector.matchers, is_name), sources = those_of(selector.matchers, names_a_source);
  Matchers found = names;
  found.insert(found.end(), sources.begin(), sources.end());
  std::string metric = selector.name.empty() ? text_of(selector) : selector.name;
  if (!names.empty() && !TRY(known.any(names))) return no_such_metric(selector, names, known);
  if (!sources.empty() && !TRY(known.any(found))) return no_such_source(metric, names, sources, known);
  return no_such_label(metric, found, selector.matchers, known);
}

}  // namespace

bool names_a_source(const std::string& label) { return label == "job" || label == "instance"; }

std::string text_of(const promql::VectorSelector& selector) {
  promql::Expr expr;
  expr.node = selector;
  return promql::print(expr);
}

Result<SelectorsSeen> look_up(const promql::Expr& query, const KnownSeries& known) {
  Needs needs = needs_of(query);
  std::vector<promql::VectorSelector> selectors = needs.compared;
  for (const Need& need : needs.of) selectors.push_back(need.selector);
  SelectorsSeen seen;
  for (const promql::VectorSelector& selector : selectors) {
    if (TRY(known.any(selector.matchers))) continue;
    std::string why = TRY(explain(selector, known));
    if (why.empty()) seen.empty.push_back(text_of(selector));
    if (seen.unseen.empty()) seen.unseen = std::move(why);
  }
  return seen;
}

KnownSeries known_to(const promql::Storage& storage, std::function<bool(const std::string&)> announced) {
  KnownSeries known;
  known.any = [&storage](const Matchers& matchers) -> Result<bool> { return !storage.select(matchers).series.empty(); };
  known.values = [&storage](const std::string& label, const Matchers& matchers, const std::string&) {
    std::set<std::string> values;
    for (const auto& series : storage.select(matchers).series)
      if (std::string value(series.labels.get(label)); !value.empty()) values.insert(std::move(value));
    return Result<std::vector<std::string>>(std::vector<std::string>(values.begin(), values.end()));
  };
  known.labels = [&storage](const Matchers& matchers) {
    std::set<std::string> names;
    for (const auto& series : storage.select(matchers).series)
      for (const auto& [name, value] : series.labels) names.insert(std::string(name));
    return Result<std::vector<std::string>>(std::vector<std::string>(names.begin(), names.end()));
  };
  known.announced = std::move(announced);
  return known;
}

}  // namespace ordeal::watch
