// Quantiles of classic histograms, as Prometheus' quantile.go computes them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "promql/eval/label_key.h"
#include "promql/functions/functions.h"
#include "promql/syntax/literals.h"

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
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

void coalesce(std::vector<Bucket>& buckets) {
  std::vector<Bucket> merged;
  for (const Bucket& bucket : buckets) {
    if (!merged.empty() && merged.back().bound == bucket.bound) {
      merged.back().count += bucket.count;
    } else {
      merged.push_back(bucket);
    }
  }
  buckets = std::move(merged);
}

// True when a bucket had fewer observations than the one below it, by more than a rounding error.
bool force_monotonic(std::vector<Bucket>& buckets) {
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

bool sort_and_merge(std::vector<Bucket>& buckets) {
  std::stable_sort(buckets.begin(), buckets.end(), [](const Bucket& a, const Bucket& b) { return a.bound < b.bound; });
  if (buckets.empty() || buckets.back().bound != kInfinity) return false;
  coalesce(buckets);
  return true;
}

double bucket_quantile(double q, std::vector<Bucket> buckets, bool& forced) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  if (!sort_and_merge(buckets)) return kNan;
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
double rank_of(double bound, const std::vector<Bucket>& buckets) {
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

double bucket_fraction(double lower, double upper, std::vector<Bucket> buckets) {
  if (!sort_and_merge(buckets)) return kNan;
  double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  return (std::min(rank_of(upper, buckets), count) - std::min(rank_of(lower, buckets), count)) / count;
}

struct Group {
  Labels labels;
  std::vector<Bucket> buckets;
};

// The buckets of each histogram; those whose `le` is no number are left out, with a warning.
std::vector<Group> groups_of(const CallSite& site, const Vector& vector, const Expr& argument) {
  static const std::vector<std::string> kLe{"le"};
  // With delayed removal the name tells histograms apart: it is part of the labels, so the key must not drop it.
  LabelKey key(kLe, false);
  std::vector<Group> groups;
  std::map<std::string, KeyIndex, std::less<>> by_name;
  for (const Element& element : vector) {
    std::string_view le = element.labels.get("le"), name = element.labels.get(kMetricName);
    auto bound = parse_bound(le);
    if (!bound) {
      std::string of = site.options.delayed_name_removal && !name.empty() ? " for metric name " + quoted(name) : "";
      site.annotations.warn(
          argument, fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}", quoted(le), of));
      continue;
    }
    auto index = by_name.find(name);
    if (index == by_name.end()) index = by_name.try_emplace(std::string(name)).first;
    size_t place = index->second.find_or_add(key, element.labels, groups.size());
    if (place == groups.size()) {
      Labels labels = element.labels;
      labels.erase("le");
      groups.push_back({std::move(labels), {}});
    }
    groups[place].buckets.push_back({*bound, element.value});
  }
  return groups;
}

Element finished(const CallSite& site, Group& group, double value) {
  Element element{std::move(group.labels), value, site.at_ms, false};
  drop_name(element);
  return element;
}

}  // namespace

Result<Value> call_histogram_fraction(const CallSite& site, std::vector<Value>& arguments) {
  double lower = std::get<double>(arguments[0]), upper = std::get<double>(arguments[1]);
  Vector fractions;
  for (Group& group : groups_of(site, std::get<Vector>(arguments[2]), *site.call.arguments[2])) {
    double fraction = bucket_fraction(lower, upper, std::move(group.buckets));
    fractions.push_back(finished(site, group, fraction));
  }
  return fractions;
}

Result<Value> call_histogram_quantile(const CallSite& site, std::vector<Value>& arguments) {
  double q = std::get<double>(arguments[0]);
  const Expr& argument = *site.call.arguments[1];
  Vector quantiles;
  for (Group& group : groups_of(site, std::get<Vector>(arguments[1]), argument)) {
    bool forced = false;
    double quantile = bucket_quantile(q, std::move(group.buckets), forced);
    if (forced)
      site.annotations.info(argument, fmt::format("input to histogram_quantile needed to be fixed for monotonicity (a "
                                                  "bucket counted less than a lower one) in {}",
                                                  group.labels.text()));
    quantiles.push_back(finished(site, group, quantile));
  }
  return quantiles;
}

}  // namespace ordeal::promql
