// Quantiles of classic histograms, as Prometheus' quantile.go computes them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prometheus/promql/functions/functions.h"
#include "prometheus/promql/grouping/grouping.h"
#include "prometheus/promql/syntax/literals.h"

namespace ordeal::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Below it, a fall from one bucket to the next is a rounding error of rate() and no fall.
constexpr double kTolerance = 1e-12;

struct Bucket {
  double bound;
  double count;
};

bool almost_equal(double a, double b) {
  if (a == b) return true;
  double sum = std::abs(a) + std::abs(b), difference = std::abs(a - b);
  constexpr double kLeast = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kLeast) return difference < kTolerance * kLeast;
  if (difference > 10 * kTolerance * sum) return false;  // mostly so, and seen without a division
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// Of one histogram, in place.
using Buckets = std::span<Bucket>;

Buckets coalesced(Buckets buckets) {
  size_t last = 0;
  for (const Bucket& bucket : buckets.subspan(1)) {
    if (buckets[last].bound == bucket.bound) {
      buckets[last].count += bucket.count;
    } else {
      buckets[++last] = bucket;
    }
  }
  return buckets.first(last + 1);
}

// True when a bucket had fewer observations than the one below it, by more than a rounding error.
bool force_monotonic(Buckets buckets) {
  bool forced = false;
  double before = buckets[0].count;
  for (Bucket& bucket : buckets) {
    bool same = almost_equal(bucket.count, before);
    forced = forced || (bucket.count < before && !same);
    if (bucket.count < before || same) bucket.count = before;
    before = bucket.count;
  }
  return forced;
}

// Stable. Most histograms are so small that it is not worth the memory that std::stable_sort asks for.
void sort_by_bound(Buckets buckets) {
  auto by_bound = [](const Bucket& a, const Bucket& b) { return a.bound < b.bound; };
  constexpr size_t kFew = 32;
  if (buckets.size() > kFew) return std::stable_sort(buckets.begin(), buckets.end(), by_bound);
  for (size_t i = 1; i < buckets.size(); ++i) {
    Bucket bucket = buckets[i];
    size_t at = i;
    for (; at > 0 && by_bound(bucket, buckets[at - 1]); --at) buckets[at] = buckets[at - 1];
    buckets[at] = bucket;
  }
}

// By bounds, each once; nothing without a bucket for all.
Buckets sorted_and_merged(Buckets buckets) {
  sort_by_bound(buckets);
  return buckets.back().bound == kInfinity ? coalesced(buckets) : Buckets();
}

double bucket_quantile(double q, Buckets buckets, bool& forced) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  buckets = sorted_and_merged(buckets);
  if (buckets.empty()) return kNan;
  forced = force_monotonic(buckets);
  double total = buckets.back().count;
  if (buckets.size() < 2 || total == 0 || std::isnan(total)) return kNan;
  double rank = q * total;
  auto at =
      std::find_if(buckets.begin(), buckets.end() - 1, [&](const Bucket& bucket) { return bucket.count >= rank; });
  if (at == buckets.end() - 1) return buckets[buckets.size() - 2].bound;
  if (at == buckets.begin()) return at->bound <= 0 ? at->bound : at->bound * (rank / at->count);
  const Bucket& below = *(at - 1);
  return below.bound + (at->bound - below.bound) * ((rank - below.count) / (at->count - below.count));
}

// The rank of `bound` among the observations: linear within a bucket, none of those in a bucket without an end.
double rank_of(double bound, Buckets buckets) {
  double rank = 0, lower = buckets[0].bound > 0 ? 0 : -kInfinity;
  for (const Bucket& bucket : buckets) {
    if (lower >= bound) return rank;
    if (bucket.bound > bound) {
      if (std::isinf(lower)) return bucket.count;
      return rank + (bucket.count - rank) * (bound - lower) / (bucket.bound - lower);
    }
    rank = bucket.count;
    lower = bucket.bound;
  }
  return rank;
}

double bucket_fraction(double lower, double upper, Buckets buckets) {
  buckets = sorted_and_merged(buckets);
  if (buckets.empty()) return kNan;
  double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  return (std::min(rank_of(upper, buckets), count) - std::min(rank_of(lower, buckets), count)) / count;
}

const std::vector<std::string> kLe{"le"};

// The bound of each element's bucket; elements whose `le` is no number are taken out, with a warning.
std::vector<double> take_bounds(const CallSite& site, Vector& vector, const Expr& argument) {
  const LabelTable& table = site.labels.table;
  KeyNumbers& les = site.labels.of(&argument, LabelKey(kLe, LabelKey::Counts::kListed)).keys;
  std::vector<std::optional<double>> bound_of;  // by the number of the `le`
  std::vector<double> bounds;
  bounds.reserve(vector.size());
  std::erase_if(vector, [&](const Element& element) {
    uint32_t number = les.number(element.labels);
    while (bound_of.size() < les.size())
      bound_of.push_back(parse_bound(table[les.labels_of(static_cast<uint32_t>(bound_of.size()))].get("le")));
    if (bound_of[number]) return bounds.push_back(*bound_of[number]), false;
    LabelsView labels = table[element.labels];
    std::string_view name = labels.get(kMetricName);
    std::string of =
        site.options.delayed_name_removal && !name.empty() ? " for metric name " + promql::quoted(name) : "";
    site.annotations.warn(argument, fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}",
                                                promql::quoted(labels.get("le")), of));
    return true;
  });
  return bounds;
}

// value_of(its buckets, its labels) of each histogram in the argument.
template <typename ValueOf>
Vector of_histograms(const CallSite& site, Vector& vector, const Expr& argument, ValueOf value_of) {
  NodeLabels& node = site.labels.of(&site.call, LabelKey(kLe, LabelKey::Counts::kOthersAndName));
  std::vector<double> bounds = take_bounds(site, vector, argument);
  Grouping grouping(vector, node.keys, !site.options.delayed_name_removal);
  std::vector<Bucket> buckets = grouping.arranged([&](size_t i) { return Bucket{bounds[i], vector[i].value}; });
  Vector out;
  out.one_metric = vector.one_metric;
  out.reserve(grouping.groups().size());
  for (const Grouping::Group& group : grouping.groups()) {
    LabelsId labels = node.keys.labels_of(group.key);
    double value = value_of(std::span(buckets).subspan(group.first, group.size), labels);
    out.push_back({labels, true, value, site.at_ms});
  }
  return out;
}

}  // namespace

Result<Value> call_histogram_fraction(const CallSite& site, std::vector<Value>& arguments) {
  double lower = std::get<double>(arguments[0]), upper = std::get<double>(arguments[1]);
  return of_histograms(site, std::get<Vector>(arguments[2]), *site.call.arguments[2],
                       [&](Buckets buckets, LabelsId) { return bucket_fraction(lower, upper, buckets); });
}

Result<Value> call_histogram_quantile(const CallSite& site, std::vector<Value>& arguments) {
  double q = std::get<double>(arguments[0]);
  const Expr& argument = *site.call.arguments[1];
  auto quantile = [&](Buckets buckets, LabelsId labels) {
    bool forced = false;
    double value = bucket_quantile(q, buckets, forced);
    if (forced)
      site.annotations.info(argument, fmt::format("input to histogram_quantile needed to be fixed for monotonicity (a "
                                                  "bucket counted less than a lower one) in {}",
                                                  site.labels.table[labels].text()));
    return value;
  };
  return of_histograms(site, std::get<Vector>(arguments[1]), argument, quantile);
}

}  // namespace ordeal::promql
