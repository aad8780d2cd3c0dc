#include "interop/slo/openslo.h"

#include <gtest/gtest.h>

#include "interop/slo/expectations.h"

namespace ordeal::slo {
namespace {

const std::string kRatio = R"(apiVersion: openslo/v1
kind: SLO
metadata: {name: payments, displayName: Payments succeed}
spec:
  service: payments
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: 'http_requests_total{code=~"5.."}'}}}
        total: {metricSource: {metricSourceRef: prometheus, spec: {query: 'sum(http_requests_total)'}}}
  timeWindow:
  - {duration: 30d, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
  - {displayName: three nines, target: 0.999}
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

Result<std::vector<Slo>> decode(const std::string& text) { return decode_openslo(TRY(json::parse_documents(text))); }
std::string complaint(const std::string& text) {
  auto decoded = decode(text);
  return decoded ? "" : decoded.error().message();
}

TEST(OpenSlo, ReadsARatioOfCounters) {
  auto slos = decode(kRatio);
  ASSERT_TRUE(slos) << slos.error().message();
  const Slo& slo = slos->front();
  EXPECT_EQ(slo.name, "Payments succeed");
  EXPECT_EQ(slo.indicator.kind, Indicator::Method::kBadOfTotal);
  EXPECT_EQ(slo.indicator.total, "sum(http_requests_total)");
  EXPECT_EQ(slo.window.period.rolling_length(), 720h);
  EXPECT_FALSE(slo.window.calendar_start);
  ASSERT_EQ(slo.objectives.size(), 1u);
  EXPECT_EQ(slo.objectives[0].target, 0.999);
  EXPECT_FALSE(slo.objectives[0].slice);
}

TEST(OpenSlo, FindsAnIndicatorByItsName) {
  std::string text = R"(apiVersion: openslo/v1
kind: Service
metadata: {name: payments}
spec: {description: takes money}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  service: payments
  indicatorRef: latency
  timeWindow: [{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}]
  budgetingMethod: Timeslices
  objectives: [{op: lte, value: 0.5, targetPercent: 99, timeSliceTarget: 0.95, timeSliceWindow: 5}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: latency}
spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: latency_seconds}}}}
)";
  auto slos = decode(text);
  ASSERT_TRUE(slos) << slos.error().message();
  const Objective& objective = slos->front().objectives.front();
  EXPECT_EQ(slos->front().indicator.kind, Indicator::Method::kThreshold);
  EXPECT_EQ(objective.op, "<=");
  EXPECT_EQ(objective.threshold, 0.5);
  EXPECT_EQ(objective.target, 0.99);
  EXPECT_EQ(objective.slice, 5min);
  ASSERT_TRUE(slos->front().window.calendar_start);
  EXPECT_EQ(*slos->front().window.calendar_start, seconds(1767225600));
}

TEST(OpenSlo, ErrorsNameTheField) {
  struct Case {
    std::string what, by, error;
  };
  const Case cases[] = {
      {"openslo/v1", "openslo/v2", "line 1: apiVersion: expected openslo/v1, found \"openslo/v2\""},
      {"kind: SLO", "kind: Slo", "kind: expected one of SLO, SLI"},
      {"objectives:\n", "objective:\n", "spec.objective: unknown"},
      {"target: 0.999", "target: 99.9", "spec.objectives[0].target: expected a number from 0 to 1, found 99.9"},
      {"target: 0.999", "target: 1", "leaves no budget"},
      {"target: 0.999", "target: 0.9, targetPercent: 90", "expected target or targetPercent, and not both"},
      {"30d", "30x", "timeWindow[0].duration: expected a duration such as 12h, 28d or 1M"},
      {"30d", "11Y", "timeWindow[0].duration: expected a duration such as 12h, 28d or 1M (m h d w M Q Y), at most 10"},
      {"isRolling: true", "isRolling: false", "a window is either rolling or has a calendar"},
      {"counter: true", "counter: false", "go up and down cannot be added up"},
      {"sum(http_requests_total)", "sum(http_requests_total offset 1h)", "expected a counter, found"},
      {"sum(http_requests_total)", "sum(http_requests_total", "query: "},
      {"type: Prometheus", "type: Datadog", "metricSource.type: expected Prometheus"},
      {"bad: {", "good: {metricSource: {spec: {query: x}}}\n        bad: {", "expected good or bad, and not both"},
      {"target: 0.999", "target: 0.9, timeSliceTarget: 0.9", "only has a meaning with budgetingMethod: Timeslices"},
      {"Occurrences", "Ratio", "budgetingMethod: expected one of Occurrences, Timeslices"},
  };
  for (const Case& one : cases) {
    std::string error = complaint(replaced(kRatio, one.what, one.by));
    EXPECT_NE(error.find(one.error), std::string::npos) << one.by << ": " << error;
  }
  std::string slices = replaced(kRatio, "Occurrences", "Timeslices");
  EXPECT_NE(complaint(slices).find("timeSliceTarget"), std::string::npos) << complaint(slices);
  EXPECT_EQ(complaint("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: x}\nspec: {}\n"),
            "there is no document of kind SLO");
}

TEST(ExpectationsOf, ARatioOfCounters) {
  auto expectations = expectations_of(*decode(kRatio));
  ASSERT_EQ(expectations.size(), 1u);
  const Expectation& one = expectations[0];
  EXPECT_EQ(one.name, "Payments succeed: three nines");
  EXPECT_EQ(one.query, "sum(rate(http_requests_total{code=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))");
  EXPECT_EQ(one.condition, "result <= 0.001");
}

TEST(ExpectationsOf, OfSlicesTheTargetOfEachSliceCounts) {
  std::string slices = replaced(kRatio, "Occurrences", "Timeslices");
  slices = replaced(slices, "target: 0.999", "target: 0.999, timeSliceTarget: 0.95, timeSliceWindow: 5m");
  auto decoded = decode(slices);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(expectations_of(*decoded)[0].condition, "result <= 0.05");
}

TEST(ExpectationsOf, GoodEventsAndComparedValues) {
  std::string good = replaced(kRatio, "bad: {", "good: {");
  EXPECT_EQ(expectations_of(*decode(good))[0].condition, "result >= 0.999");
  std::string compared = replaced(
      kRatio, kRatio.substr(kRatio.find("ratioMetric"), kRatio.find("  timeWindow") - kRatio.find("ratioMetric")),
      "thresholdMetric: {metricSource: {spec: {query: latency}}}\n");
  compared = replaced(compared, "target: 0.999", "target: 0.999, op: lt, value: 0.5");
  auto decoded = decode(compared);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(expectations_of(*decoded)[0].query, "latency");
  EXPECT_EQ(expectations_of(*decoded)[0].condition, "result < 0.5");
}

}  // namespace
}  // namespace ordeal::slo
