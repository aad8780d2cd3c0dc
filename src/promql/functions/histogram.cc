// Quantiles of classic histograms, as Prometheus' quantile.go computes them.
#include <algorithm>
#include <cmath>
#include <map>

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

void force_monotonic(std::vector<Bucket>& buckets) {
  double before = buckets[0].count;
  for (Bucket& bucket : buckets) {
    if (bucket.count < before || almost_equal(bucket.count, before)) bucket.count = before;
    before = bucket.count;
  }
}

double bucket_quantile(double q, std::vector<Bucket> buckets) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  std::stable_sort(buckets.begin(), buckets.end(), [](const Bucket& a, const Bucket& b) { return a.bound < b.bound; });
  if (buckets.empty() || buckets.back().bound != kInfinity) return kNan;
  coalesce(buckets);
  force_monotonic(buckets);
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

struct Group {
  Element element;
  std::vector<Bucket> buckets;
};

}  // namespace

Result<Value> call_histogram_quantile(const CallSite& site, std::vector<Value>& arguments) {
  double q = std::get<double>(arguments[0]);
  std::map<Labels, Group> groups;
  for (Element& element : std::get<Vector>(arguments[1])) {
    auto bound = parse_bound(element.labels.get("le"));
    if (!bound) continue;
    Labels key = element.labels;
    key.erase("le");
    if (!site.options.delayed_name_removal) key.erase(kMetricName);
    Group& group = groups[key];
    group.buckets.push_back({*bound, element.value});
    group.element.labels = key;
  }
  Vector quantiles;
  for (auto& [labels, group] : groups) {
    group.element.value = bucket_quantile(q, std::move(group.buckets));
    group.element.ms = site.at_ms;
    drop_name(group.element, site.options);
    quantiles.push_back(std::move(group.element));
  }
  return quantiles;
}

}  // namespace ordeal::promql
