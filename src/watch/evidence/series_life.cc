#include "watch/evidence/series_life.h"

#include <algorithm>

#include "prometheus/promql/eval/eval.h"

namespace ordeal::watch {
namespace {

promql::Selection ups(const promql::Storage& storage, std::vector<promql::Matcher> matchers) {
  matchers.push_back(*promql::Matcher::create(promql::MatchType::kEqual, std::string(promql::kMetricName), "up"));
  return storage.select(matchers);
}

bool is_one(const promql::Series& up) { return !up.samples.empty() && up.samples.back().value == 1; }

// `up` has the labels of its target, and no others.
bool is_of(promql::LabelsView series, promql::LabelsView up) {
  for (const auto& [name, value] : up)
    if (name != promql::kMetricName && series.get(name) != value) return false;
  return true;
}

bool target_is_up(promql::LabelsView series, const promql::Selection& all) {
  return std::any_of(all.series.begin(), all.series.end(),
                     [&](const promql::Series& up) { return is_of(series, up.labels) && is_one(up); });
}

}  // namespace

SeriesLife life_of(const std::vector<promql::Matcher>& matchers, const promql::Storage& storage, int64_t at_ms) {
  SeriesLife life;
  auto all_ups = ups(storage, {});
  for (const promql::Series& series : storage.select(matchers).series) {
    auto recent = series.between(at_ms - promql::EvalOptions{}.lookback_ms - 1, at_ms);
    bool alive = !recent.empty() && !promql::is_stale(recent.back().value);
    life.alive = life.alive || alive;
    life.lost = life.lost || (!alive && !target_is_up(series.labels, all_ups));
  }
  return life;
}

bool all_up(const std::vector<promql::Matcher>& of_targets, const promql::Storage& storage) {
  auto found = ups(storage, of_targets).series;
  return !found.empty() && std::all_of(found.begin(), found.end(), is_one);
}

}  // namespace ordeal::watch
