// Budgets over times without traffic, in which ratios and quantiles are NaN; and of events that never occurred, whose
// series are not there. Neither is 0, and neither is a violation.
#include <gtest/gtest.h>

#include <cmath>

#include "interop/slo/query.h"
#include "interop/slo/testing.h"

namespace ordeal::slo {
namespace {

using testing::Shop;
using testing::Traffic;
using Method = Indicator::Method;

const Indicator kIndicators[] = {
    {Method::kBadOfTotal, "requests_total{code=~\"5..\"}", "requests_total"},
    {Method::kGoodOfTotal, "requests_total{code!~\"5..\"}", "sum(requests_total)"},
    {Method::kGoodOfTotal, "requests_total{code=\"200\"}", "sum(requests_total)"},
    {Method::kSuccessRatio, "sum(rate(requests_total{code!~\"5..\"}[5m])) / sum(rate(requests_total[5m]))", ""},
    {Method::kSuccessRatio, "1 - sum(rate(requests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m]))", ""},
    {Method::kFailureRatio, "sum(rate(requests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m])) # of all",
     ""},
    {Method::kFailureRatio,
     "sum by (job) (rate(requests_total{code=\"500\"}[5m])) / on (job) sum by (job) (rate(requests_total[5m]))", ""},
    {Method::kThreshold, "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))", ""},
    {Method::kThreshold, "sum(rate(requests_total{code=\"500\"}[5m])) / sum(rate(requests_total[5m]))", ""},
};

// What is left of 1 %, whatever the indicator.
const std::pair<Traffic, std::optional<double>> kTraffics[] = {
    {{"busy and healthy", testing::always, 0}, 1},
    {{"idle half of the day and healthy", testing::by_day, 0}, 1},
    {{"all fail", testing::always, 1}, -99},
    {{"ten idle minutes, all others fail", testing::but_ten, 1}, -99},
    {{"idle half of the day, all others fail", testing::by_day, 1}, -99},
    {{"never seen", testing::never, 0}, std::nullopt},
};

Objective of(const Indicator& indicator) {
  Objective objective;
  objective.target = 0.99;
  if (indicator.kind != Method::kThreshold) return objective;
  objective.op = "<=";
  objective.threshold = 0.5;
  return objective;
}

Slo slo_of(const Indicator& indicator) {
  Slo slo;
  slo.indicator = indicator;
  return slo;
}

void expect_left(const Shop& shop, const Indicator& indicator, const Objective& objective, std::optional<double> right,
                 const std::string& where) {
  SCOPED_TRACE(where + ": " + indicator.part);
  auto left = shop.left(slo_of(indicator), objective);
  ASSERT_EQ(left.has_value(), right.has_value());
  if (!right) return;
  EXPECT_NEAR(*left, *right, std::abs(*right) * 0.01 + 0.001);
}

TEST(IdleBudget, IsThatOfTheTimesAtWhichSomethingWasMeasured) {
  for (const auto& [world, right] : kTraffics) {
    Shop shop(world);
    for (const Indicator& indicator : kIndicators) expect_left(shop, indicator, of(indicator), right, world.name);
  }
}

TEST(IdleBudget, OfSlicesTooCountsNoIdleSlice) {
  for (const auto& [world, right] : kTraffics) {
    Shop shop(world);
    for (const Indicator& indicator : kIndicators) {
      Objective slices = of(indicator);
      slices.slice = 10min;
      slices.slice_target = 0.9;
      expect_left(shop, indicator, slices, right, std::string("slices, ") + world.name);
    }
  }
}

// As counters have it: of 60 % busy minutes in which a quarter fails, a quarter of all requests failed.
TEST(IdleBudget, IsInProportion) {
  Shop shop({"a quarter fails", [](int64_t minute) { return minute % 10 < 6; }, 0.25});
  for (const Indicator& indicator : kIndicators)
    if (indicator.kind != Method::kThreshold)
      expect_left(shop, indicator, of(indicator), 1 - 0.25 / 0.01, "a quarter fails");
}

// A misspelt name must not look like a service that never fails, nor like one that always does.
TEST(IdleBudget, OfWhatWasNeverSeenIsNotKnown) {
  Shop shop({"busy and healthy", testing::always, 0});
  const Indicator kMisspelt[] = {
      {Method::kBadOfTotal, "reqests_total{code=~\"5..\"}", "requests_total"},
      {Method::kBadOfTotal, "requests_total{status=~\"5..\"}", "requests_total"},
      {Method::kBadOfTotal, "requests_total{job=\"shopp\",code=~\"5..\"}", "requests_total"},
      {Method::kGoodOfTotal, "reqests_total{code!~\"5..\"}", "requests_total"},
      {Method::kGoodOfTotal, "requests_total{status=\"200\"}", "requests_total"},
      {Method::kBadOfTotal, "requests_total{code=~\"5..\"}", "reqests_total"},
      {Method::kFailureRatio, "sum(rate(reqests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m]))", ""},
      {Method::kFailureRatio, "sum(rate(requests_total{status=~\"5..\"}[5m])) / sum(rate(requests_total[5m]))", ""},
      {Method::kSuccessRatio, "sum(rate(requests_total{status=\"200\"}[5m])) / sum(rate(requests_total[5m]))", ""},
      {Method::kThreshold, "histogram_quantile(0.99, sum by (le) (rate(latncy_seconds_bucket[5m])))", ""},
  };
  for (const Indicator& indicator : kMisspelt) expect_left(shop, indicator, of(indicator), std::nullopt, "misspelt");
}

TEST(Budget, OfNaNOrInfinityIsNotKnown) {
  Objective objective;
  objective.target = 0.99;
  const double kNaN = std::nan(""), kInfinity = HUGE_VAL;
  for (double total : {kNaN, kInfinity, 0.0, -1.0}) EXPECT_FALSE(make_budget(objective, {1h, 1h}, 0.0, total)) << total;
  for (double bad : {kNaN, kInfinity}) EXPECT_FALSE(make_budget(objective, {1h, 1h}, bad, 10.0)) << bad;
  EXPECT_FALSE(make_budget(objective, {1h, 1h}, std::nullopt, 10.0));
  EXPECT_FALSE(make_budget(objective, {1h, 1h}, 0.0, std::nullopt));
}

TEST(WithZeros, AreForNumeratorsWhoseOtherValuesAreThere) {
  EXPECT_EQ(
      with_zeros("sum(rate(a{job=\"x\",code=~\"5..\",zone!=\"b\"}[1m])) / sum(rate(a[1m])) # share"),
      "(sum(rate(a{job=\"x\", code=~\"5..\", zone!=\"b\"}[1m])) or 0 * sum(rate(a{job=\"x\", code!=\"\"}[1m]))) / "
      "sum(rate(a[1m]))");
  for (const char* same : {
           "sum(rate(errors_total[1m])) / sum(rate(a[1m]))",                    // nothing to relax
           "sum by (code) (rate(a{code=~\"5..\"}[1m])) / on (code) b",          // other codes would be other elements
           "sum without (job) (rate(a{code=~\"5..\"}[1m])) / on (code) b",      // the same
           "sum(rate(a{code=~\"5..\"}[1m]))",                                   // no fraction
           "rate(a{code=\"500\"}[1m]) / rate(b[1m])",                           // no sum
           "histogram_quantile(0.9, sum by (le) (rate(a{code=\"500\"}[1m])))",  // the same
       })
    EXPECT_EQ(with_zeros(same), printed(same));
  EXPECT_EQ(with_zeros("1 - sum(a{x=\"1\"}) / sum(b{x=\"1\"})"),
            "1 - (sum(a{x=\"1\"}) or 0 * sum(a{x!=\"\"})) / sum(b{x=\"1\"})");
  EXPECT_EQ(with_zeros("no ( query"), "no ( query");
}

TEST(Operand, EndsNothingAndBindsAsBefore) {
  EXPECT_EQ(operand("a + b # c"), "(a + b)");
  EXPECT_EQ(operand("# first\n1 +\n\ttime()"), "vector(1 + time())");
  EXPECT_EQ(without_nan(operand("a")), "((a) >= -Inf)");
}

}  // namespace
}  // namespace ordeal::slo
