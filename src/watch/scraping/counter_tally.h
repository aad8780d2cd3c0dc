// CounterTally: from looks at raw counters to Counts: what each series has counted since the first look, added up by
// the terms and groups of a CountDesign. Pure.
//   - A counter that fell below half of what it was began anew: all of it counts. One that fell by less is an older
//     reading (of two replicas of a Prometheus, say), and is passed over.
//   - A series that appears on a target that was seen before counts from 0 (a status that occurs for the first time);
//     on a new target it is a beginning, since its past is unknown. A target is a scraped page, by all labels of its
//     own; of a Prometheus, whose pages are not known, a pair of job and instance. It must be one process: behind a
//     load balancer, each look would read another one.
//   - A series that goes missing keeps what it has counted, and goes on from there when it comes back.
//   - In a histogram an event is bad above the smallest bound that is at least the design's; each histogram keeps the
//     bound that it had when it was first seen.
// Memory is that of the labels of all series seen.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/model/seams.h"
#include "judge/trigger_design.h"
#include "prometheus/promql/store/labels.h"
#include "prometheus/promql/store/storage.h"

namespace ordeal::watch {

struct CounterValue {
  promql::Labels labels;
  double value = 0;
  int64_t ms = 0;  // of the sample
};

class CounterTally {
 public:
  // `targets`: the labels of each page that is scraped; those of a page may be some of those of another.
  explicit CounterTally(judge::CountDesign design, std::vector<promql::Labels> targets = {})
      : design_(std::move(design)), known_targets_(std::move(targets)) {}

  // One look at all series of the design; those of no term are left out.
  void take(const std::vector<CounterValue>& values);
  Counts counts() const;
  // Of the series of the last look the one whose sample was the oldest; 0 when there was none.
  int64_t oldest_ms() const { return oldest_ms_; }
  // No histogram has a bound at or above the design's: its quantile never gets there.
  bool blind() const { return blind_; }
  // The values of `le` that count, of a histogram.
  std::set<std::string> bounds() const;

 private:
  struct Weight {
    double bad = 0, total = 0;
  };
  struct Target {
    bool known = false;  // from an earlier look
    bool has_part = false, has_total = false;
    bool had_events = false;
    int64_t newest_ms = 0;
  };
  struct Counter {
    double last = 0;
    Weight weight;
    Counts::Group* group = nullptr;  // null when it is of no term
    Target* target = nullptr;
  };

  Counter fresh_counter(const CounterValue& value);
  void count(Counter& counter, const CounterValue& value);
  std::optional<Weight> weight_of(const promql::Labels& labels);
  std::optional<Weight> bucket_weight(const promql::Labels& labels);
  void choose_bounds(const std::vector<CounterValue>& values);
  promql::Labels group_of(const promql::Labels& labels) const;
  promql::Labels target_of(const promql::Labels& labels) const;
  bool is_total(const judge::CountedTerm& term) const;
  int64_t read_until_ms() const;
  bool torn_apart() const;

  judge::CountDesign design_;
  std::unordered_map<promql::Labels, Counter, promql::LabelsHash> counters_;
  std::unordered_map<promql::Labels, Counts::Group, promql::LabelsHash> groups_;  // whose places stay
  std::unordered_map<promql::Labels, double, promql::LabelsHash> bounds_;         // of each histogram
  std::unordered_map<promql::Labels, Target, promql::LabelsHash> targets_;        // whose places stay
  std::vector<promql::Labels> known_targets_;
  bool blind_ = false;
  int64_t oldest_ms_ = 0;
};

// The newest sample of each series that the design counts, of those not older than Prometheus' lookback.
std::vector<CounterValue> read_counters(const judge::CountDesign& design, const promql::Storage& storage,
                                        int64_t at_ms);
// One query for a Prometheus that gives all of them, of a histogram those of `bounds` alone (all when empty); the tally
// leaves out what it gives beyond that. nullopt where a term names no metric.
std::optional<std::string> counters_query(const judge::CountDesign& design, const std::set<std::string>& bounds);

}  // namespace ordeal::watch
