#include "judge/trigger_design.h"

#include <gtest/gtest.h>

#include "prometheus/promql/syntax/parser.h"

namespace ordeal::judge {
namespace {

using Signal = TriggerDesign::Signal;

TriggerDesign design(const std::string& query, const std::string& condition) {
  return design_trigger(**promql::parse(query), *expr::Condition::parse(condition));
}

const char* kRatio = R"(sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m])))";
const char* kQuantile = "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))";

TEST(TriggerDesign, AnErrorRateCountsRequests) {
  TriggerDesign found = design(kRatio, "result < 0.01");
  ASSERT_EQ(found.kind, Signal::kCounts);
  EXPECT_DOUBLE_EQ(found.counts.allowed, 0.01);
  ASSERT_EQ(found.counts.bad.size(), 1u);
  EXPECT_EQ(found.counts.bad[0].matchers.size(), 2u);
  EXPECT_FALSE(found.counts.without);
  EXPECT_EQ(found.text, "of http_requests_total, more than 1 % are http_requests_total{status=~\"5..\"}");
}

TEST(TriggerDesign, AQuantileCountsSlowRequests) {
  TriggerDesign found = design(kQuantile, "result < 1.0");
  ASSERT_EQ(found.kind, Signal::kCounts);
  EXPECT_DOUBLE_EQ(found.counts.allowed, 1 - 0.95);
  EXPECT_EQ(found.counts.latency, 1.0);
  EXPECT_TRUE(found.counts.without) << "each series of buckets for itself";
}

TEST(TriggerDesign, ABreakersStateAndPodsAreGauges) {
  EXPECT_EQ(design("circuit_breaker_state{service=\"stripe\"}", "result == 0").kind, Signal::kGauge);
  EXPECT_EQ(design("count(kube_pod_status_phase{phase=\"Running\"})", "result >= 3").kind, Signal::kGauge);
}

struct Case {
  std::string query, condition;
  double allowed;
  size_t bad_terms;
};

TEST(TriggerDesign, ScaledAndTurnedRatios) {
  const std::string bad = "sum(rate(e[1m]))", good = "sum(rate(g[1m]))", all = "sum(rate(t[1m]))";
  const Case cases[] = {
      {bad + "/" + all, "result <= 0.02", 0.02, 1},
      {"(" + bad + ") / (" + all + ")", "0.02 > result", 0.02, 1},
      {"100 * " + bad + "/" + all, "result < 5", 0.05, 1},
      {bad + "/" + all + " * 100", "result < 5", 0.05, 1},
      {good + "/" + all, "result > 0.99", 0.01, 2},
      {"1 - " + good + "/" + all, "result < 0.01", 0.01, 2},
      {"1 - " + bad + "/" + all, "result >= 0.99", 0.01, 1},
      {"-(" + bad + "/" + all + ")", "result > -0.03", 0.03, 1},
      {"(" + all + " - " + good + ")/" + all, "result < 0.1", 0.1, 2},
      {bad + "/(" + bad + " + " + good + ")", "result < 0.1", 0.1, 1},
      {"(" + bad + " or vector(0)) / " + all, "result < 0.1", 0.1, 1},
      {"scalar(" + bad + "/" + all + ")", "result < 0.1", 0.1, 1},
      {"sum(increase(e[5m])) / sum(increase(t[5m]))", "result < 0.1", 0.1, 1},
      {"sum by (route) (rate(e[1m])) / sum by (route) (rate(t[1m]))", "result < 0.1", 0.1, 1},
      {"rate(e[1m]) / rate(t[1m])", "result < 0.1", 0.1, 1},
      {bad + "/" + all, "result[0] < 0.1", 0.1, 1},
  };
  for (const Case& one : cases) {
    TriggerDesign found = design(one.query, one.condition);
    EXPECT_EQ(found.kind, Signal::kCounts) << one.query << ": " << found.text;
    EXPECT_NEAR(found.counts.allowed, one.allowed, 1e-12) << one.query;
    EXPECT_EQ(found.counts.bad.size(), one.bad_terms) << one.query;
  }
}

TEST(TriggerDesign, AGoodShareTakesTheGoodFromAll) {
  TriggerDesign found = design("sum(rate(g[1m])) / sum(rate(t[1m]))", "result > 0.99");
  ASSERT_EQ(found.counts.bad.size(), 2u);
  EXPECT_EQ(found.counts.bad[0].sign, 1);
  EXPECT_EQ(found.counts.bad[1].sign, -1);
  EXPECT_EQ(found.text, "of t, more than 1 % are not g");
}

TEST(TriggerDesign, QuantilesKeepTheirGroups) {
  TriggerDesign found = design("1000 * histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[1m])))", "result < 250");
  ASSERT_EQ(found.kind, Signal::kCounts);
  EXPECT_DOUBLE_EQ(*found.counts.latency, 0.25);
  EXPECT_EQ(found.counts.labels, (std::vector<std::string>{"pod"}));
}

TEST(TriggerDesign, WhatIsNotExactlyOneOfTheShapesIsJudgedAsWritten) {
  const std::pair<std::string, std::string> cases[] = {
      {kRatio, "result < 0.01 && result >= 0"},
      {kRatio, "result == 0"},
      {kRatio, "result < 0"},
      {kRatio, "result < 1"},
      {kRatio, "len(result) == 0 || result[0] < 0.01"},
      {kQuantile, "result > 1"},
      {"sum(rate(e[1m])) / sum(rate(t[5m]))", "result < 0.1"},
      {"sum(rate(e[1m])) / sum(increase(t[1m]))", "result < 0.1"},
      {"sum by (a) (rate(e[1m])) / sum by (b) (rate(t[1m]))", "result < 0.1"},
      {"sum(rate(e[1m] offset 1m)) / sum(rate(t[1m]))", "result < 0.1"},
      {"sum(rate(e[1m])) / on () sum(rate(t[1m]))", "result < 0.1"},
      {"avg(rate(e[1m])) / sum(rate(t[1m]))", "result < 0.1"},
      {"sum(rate(e[1m])) / 100", "result < 0.1"},
      {"sum(rate(e[1m]))", "result < 0.1"},
      {"max_over_time(up[1m])", "result == 1"},
      {"sum by (route) (rate(e[1m])) / sum by (route) (rate(t[1m]))", "result[0] < 0.1"},
      {"histogram_quantile(0.95, sum by (route) (rate(x_bucket[1m])))", "result < 1"},
      {"0 * sum(rate(e[1m])) / sum(rate(t[1m]))", "result < 1"},
      {"2 / (sum(rate(e[1m])) / sum(rate(t[1m])))", "result > 1"},
  };
  for (const auto& [query, condition] : cases) {
    TriggerDesign found = design(query, condition);
    EXPECT_EQ(found.kind, Signal::kExpression) << query << " " << condition;
    EXPECT_FALSE(found.text.empty());
  }
}

TEST(TriggerDesign, AnExpectationMaySayNo) {
  Expectation expectation;
  expectation.query = kRatio;
  expectation.condition = "result < 0.01";
  EXPECT_EQ(design_trigger(expectation).kind, Signal::kCounts);
  expectation.fast = false;
  EXPECT_EQ(design_trigger(expectation).kind, Signal::kExpression);
}

}  // namespace
}  // namespace ordeal::judge
