#include "watch/scraping/counter_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/text/text.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/syntax/printer.h"
#include "watch/evidence/observe.h"
#include "watch/scraping/scraper.h"

namespace ordeal::watch {
namespace {

using promql::Labels;
using promql::Matcher;

constexpr std::string_view kBucket = "le";
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::optional<double> bound_of(const Labels& labels) {
  std::string_view text = labels.get(kBucket);
  return text == "+Inf" ? kInfinity : parse_number<double>(text);
}

Labels histogram_of(const Labels& labels) {
  return Labels::filtered(labels, [](std::string_view name) { return name != kBucket; });
}

bool matches(const judge::CountedTerm& term, const Labels& labels) {
  return std::all_of(term.matchers.begin(), term.matchers.end(),
                     [&](const Matcher& matcher) { return matcher.matches(labels.get(matcher.name())); });
}

double sum_of_signs(const std::vector<judge::CountedTerm>& terms, const Labels& labels) {
  double sum = 0;
  for (const auto& term : terms)
    if (matches(term, labels)) sum += term.sign;
  return sum;
}

std::vector<const judge::CountedTerm*> all_terms(const judge::CountDesign& design) {
  std::vector<const judge::CountedTerm*> terms;
  for (const auto* side : {&design.total, &design.bad})
    for (const auto& term : *side) terms.push_back(&term);
  return terms;
}

std::string escaped(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (std::ispunct(static_cast<unsigned char>(c)) && c != '_' && c != ':') text += '\\';
    text += c;
  }
  return text;
}

bool holds(const std::vector<Matcher>& matchers, const Matcher& wanted) {
  return std::find(matchers.begin(), matchers.end(), wanted) != matchers.end();
}

}  // namespace

void CounterTally::choose_bounds(const std::vector<CounterValue>& values) {
  std::unordered_map<Labels, double, promql::LabelsHash> fresh;
  for (const CounterValue& value : values) {
    if (counters_.count(value.labels)) continue;
    auto bound = bound_of(value.labels);
    if (!bound || !matches(design_.total.front(), value.labels)) continue;
    Labels histogram = histogram_of(value.labels);
    if (bounds_.count(histogram)) continue;
    double& chosen = fresh.try_emplace(histogram, kInfinity).first->second;
    if (*bound >= *design_.latency) chosen = std::min(chosen, *bound);
  }
  bounds_.merge(fresh);
  blind_ = !bounds_.empty() &&
           std::all_of(bounds_.begin(), bounds_.end(), [](const auto& entry) { return entry.second == kInfinity; });
}

std::optional<CounterTally::Weight> CounterTally::bucket_weight(const Labels& labels) {
  auto bound = bound_of(labels);
  if (!bound || !matches(design_.total.front(), labels)) return std::nullopt;
  double chosen = bounds_.at(histogram_of(labels));
  if (*bound == kInfinity) return Weight{chosen == kInfinity ? 0.0 : 1.0, 1.0};
  if (*bound == chosen) return Weight{-1, 0};
  return std::nullopt;
}

std::optional<CounterTally::Weight> CounterTally::weight_of(const Labels& labels) {
  if (design_.latency) return bucket_weight(labels);
  Weight weight{sum_of_signs(design_.bad, labels), sum_of_signs(design_.total, labels)};
  return weight.bad != 0 || weight.total != 0 ? std::optional(weight) : std::nullopt;
}

Labels CounterTally::group_of(const Labels& labels) const {
  return Labels::filtered(labels, [&](std::string_view name) {
    bool listed = std::find(design_.labels.begin(), design_.labels.end(), name) != design_.labels.end();
    bool apart = name == promql::kMetricName || (design_.latency && name == kBucket);
    return design_.without ? !listed && !apart : listed;
  });
}

// Of those that it may be of the one with the most labels: two pages of one address differ in a label of their own.
Labels CounterTally::target_of(const Labels& labels) const {
  const Labels* found = nullptr;
  for (const Labels& target : known_targets_) {
    if (is_of(labels, target) && (!found || target.size() > found->size())) found = &target;
  }
  if (found) return *found;
  return Labels::filtered(labels, [](std::string_view name) { return name == "job" || name == "instance"; });
}

CounterTally::Counter CounterTally::fresh_counter(const CounterValue& value) {
  auto weight = weight_of(value.labels);
  if (!weight) return {};
  Labels labels = group_of(value.labels);
  auto [group, fresh] = groups_.try_emplace(labels);
  if (fresh) group->second.name = element_name(labels);
  Target& target = targets_[target_of(value.labels)];
  for (const auto& term : design_.total) target.has_total = target.has_total || matches(term, value.labels);
  for (const auto& term : design_.bad)
    target.has_part = target.has_part || (!is_total(term) && matches(term, value.labels));
  return {target.known ? 0 : value.value, *weight, &group->second, &target};
}

bool CounterTally::is_total(const judge::CountedTerm& term) const {
  return std::any_of(design_.total.begin(), design_.total.end(),
                     [&](const auto& other) { return other.matchers == term.matchers; });
}

void CounterTally::take(const std::vector<CounterValue>& values) {
  if (design_.latency) choose_bounds(values);
  oldest_ms_ = 0;
  for (const CounterValue& value : values) {
    if (!std::isfinite(value.value)) continue;
    auto [entry, fresh] = counters_.try_emplace(value.labels);
    if (fresh) entry->second = fresh_counter(value);
    if (!entry->second.group) continue;
    count(entry->second, value);
    oldest_ms_ = oldest_ms_ == 0 ? value.ms : std::min(oldest_ms_, value.ms);
  }
  for (auto& [name, target] : targets_) target.known = true;
}

void CounterTally::count(Counter& counter, const CounterValue& value) {
  counter.target->newest_ms = std::max(counter.target->newest_ms, value.ms);
  bool began_anew = value.value < counter.last / 2;
  if (value.value < counter.last && !began_anew) return;
  double increase = began_anew ? value.value : value.value - counter.last;
  counter.last = value.value;
  counter.group->bad += increase * counter.weight.bad;
  counter.group->total += increase * counter.weight.total;
  if (increase * counter.weight.total > 0) counter.target->had_events = true;
}

int64_t CounterTally::read_until_ms() const {
  int64_t oldest = std::numeric_limits<int64_t>::max(), newest = 0;
  for (const auto& [name, target] : targets_) {
    newest = std::max(newest, target.newest_ms);
    if (target.had_events) oldest = std::min(oldest, target.newest_ms);
  }
  return std::min(oldest, newest);
}

// Where no target has both sides, they are read at different times, and one look may hold much of one and none of the
// other.
bool CounterTally::torn_apart() const {
  bool part = false, total = false, both = false;
  for (const auto& [name, target] : targets_) {
    part = part || target.has_part;
    total = total || target.has_total;
    both = both || (target.has_part && target.has_total);
  }
  return part && total && !both;
}

std::set<std::string> CounterTally::bounds() const {
  std::set<std::string> texts;
  if (!design_.latency) return texts;
  for (const auto& [labels, counter] : counters_)
    if (counter.group) texts.insert(std::string(labels.get(kBucket)));
  return texts;
}

Counts CounterTally::counts() const {
  Counts counts;
  counts.read_until_ms = read_until_ms();
  if (torn_apart()) {
    counts.trouble = "its two sides are counted by different targets, so that nothing can be counted check by check";
    return counts;
  }
  for (const auto& [labels, group] : groups_) counts.groups.push_back(group);
  std::sort(counts.groups.begin(), counts.groups.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  if (blind_)
    counts.trouble = fmt::format("no bucket of the histogram ends at or above {:g}: its quantile never gets there",
                                 *design_.latency);
  return counts;
}

std::vector<CounterValue> read_counters(const judge::CountDesign& design, const promql::Storage& storage,
                                        int64_t at_ms) {
  std::vector<CounterValue> values;
  for (const auto* term : all_terms(design)) {
    for (const auto& series : storage.select(term->matchers).series) {
      auto recent = series.between(at_ms - promql::EvalOptions{}.lookback_ms, at_ms);
      if (recent.empty() || promql::is_stale(recent.back().value)) continue;
      values.push_back({series.labels, recent.back().value, recent.back().ms});
    }
  }
  return values;
}

std::optional<std::string> counters_query(const judge::CountDesign& design, const std::set<std::string>& bounds) {
  auto terms = all_terms(design);
  std::vector<std::string> names;
  promql::VectorSelector selector;
  for (const auto* term : terms) {
    auto name = std::find_if(term->matchers.begin(), term->matchers.end(), [](const Matcher& matcher) {
      return matcher.name() == promql::kMetricName && matcher.type() == promql::MatchType::kEqual;
    });
    if (name == term->matchers.end()) return std::nullopt;
    std::string text = escaped(name->value());
    if (std::find(names.begin(), names.end(), text) == names.end()) names.push_back(text);
  }
  selector.matchers.push_back(
      *promql::Matcher::create(promql::MatchType::kRegex, std::string(promql::kMetricName), join(names, "|")));
  for (const Matcher& matcher : terms.front()->matchers) {
    bool common =
        std::all_of(terms.begin(), terms.end(), [&](const auto* term) { return holds(term->matchers, matcher); });
    if (common && matcher.name() != promql::kMetricName) selector.matchers.push_back(matcher);
  }
  if (!bounds.empty()) {
    std::vector<std::string> texts;
    for (const std::string& bound : bounds) texts.push_back(escaped(bound));
    selector.matchers.push_back(*Matcher::create(promql::MatchType::kRegex, std::string(kBucket), join(texts, "|")));
  }
  promql::Expr query;
  query.node = std::move(selector);
  return promql::print(query);
}

}  // namespace ordeal::watch
