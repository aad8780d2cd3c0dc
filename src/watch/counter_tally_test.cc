#include "watch/counter_tally.h"

#include <gtest/gtest.h>

#include "promql/store/series_notation.h"
#include "promql/store/series_store.h"
#include "promql/syntax/parser.h"

namespace ordeal::watch {
namespace {

using promql::Labels;

analysis::CountDesign design(const std::string& query, const std::string& condition) {
  return analysis::design_trigger(**promql::parse(query), *expr::Condition::parse(condition)).counts;
}
analysis::CountDesign ratio() { return design(R"(sum(rate(r{code=~"5.."}[1m])) / sum(rate(r[1m])))", "result < 0.01"); }

// `r{code="200"} 5` each.
std::vector<CounterValue> look(const std::vector<std::string>& lines, int64_t ms = 1000) {
  std::vector<CounterValue> values;
  for (const std::string& line : lines) {
    auto noted = *promql::parse_series_notation(line);
    values.push_back({noted.labels, noted.steps.front().value, ms});
  }
  return values;
}

TEST(CounterTally, CountsIncreasesFromTheFirstLookOn) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\"} 1000", "r{code=\"500\"} 10"}));
  tally.take(look({"r{code=\"200\"} 1090", "r{code=\"500\"} 20"}, 2000));
  Counts counts = tally.counts();
  ASSERT_EQ(counts.groups.size(), 1u);
  EXPECT_EQ(counts.groups[0].total, 100);
  EXPECT_EQ(counts.groups[0].bad, 10);
  EXPECT_EQ(counts.read_until_ms, 2000);
  EXPECT_EQ(counts.trouble, "");
}

TEST(CounterTally, ACounterThatBeginsAnewCountsWhole) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\"} 1000"}));
  tally.take(look({"r{code=\"200\"} 7"}));
  EXPECT_EQ(tally.counts().groups[0].total, 7);
}

// rate() loses the first increment of a new series, and with it the first errors.
TEST(CounterTally, AnOlderReadingIsPassedOver) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\"} 1000000"}));
  tally.take(look({"r{code=\"200\"} 999950"}));
  tally.take(look({"r{code=\"200\"} 1000100"}));
  EXPECT_EQ(tally.counts().groups[0].total, 100) << "two replicas of one Prometheus, a scrape apart";
}

TEST(CounterTally, IsReadUntilTheOldestOfItsBusyTargets) {
  CounterTally tally(ratio());
  const std::string busy = "r{code=\"200\",instance=\"busy\"} ", idle = "r{code=\"200\",instance=\"idle\"} ";
  tally.take(look({busy + "10", idle + "10"}, 1000));
  tally.take(look({busy + "20", idle + "10"}, 2000));
  EXPECT_EQ(tally.counts().read_until_ms, 2000);
  tally.take(look({idle + "10"}, 3000));
  EXPECT_EQ(tally.counts().read_until_ms, 2000) << "the page of the one that had events was not read";
}

TEST(CounterTally, SidesOfDifferentTargetsAreNotCounted) {
  CounterTally tally(design("sum(rate(good[1m])) / sum(rate(all[1m]))", "result > 0.9"));
  tally.take(look({"good{job=\"app\"} 1", "all{job=\"gateway\"} 1"}));
  tally.take(look({"good{job=\"app\"} 1", "all{job=\"gateway\"} 3001"}));
  EXPECT_TRUE(tally.counts().groups.empty());
  EXPECT_NE(tally.counts().trouble.find("different targets"), std::string::npos);
}

TEST(CounterTally, AStatusThatOccursForTheFirstTimeCountsFromZero) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\",job=\"a\",instance=\"1\"} 1000"}));
  tally.take(look({"r{code=\"200\",job=\"a\",instance=\"1\"} 1000", "r{code=\"503\",job=\"a\",instance=\"1\"} 40"}));
  EXPECT_EQ(tally.counts().groups[0].bad, 40);
}

TEST(CounterTally, ANewTargetBringsItsPastWithIt) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\",instance=\"1\"} 10"}));
  tally.take(look({"r{code=\"200\",instance=\"2\"} 5000", "r{code=\"500\",instance=\"2\"} 400"}));
  EXPECT_EQ(tally.counts().groups[0].total, 0);
  tally.take(look({"r{code=\"200\",instance=\"2\"} 5001", "r{code=\"500\",instance=\"2\"} 402"}));
  EXPECT_EQ(tally.counts().groups[0].total, 3);
  EXPECT_EQ(tally.counts().groups[0].bad, 2);
}

// The pages of one address, of which one has a label more than the other.
TEST(CounterTally, APageIsKnownByAllItsLabels) {
  for (const Labels& first : {Labels{{"instance", "1"}, {"page", "a"}}, Labels{{"instance", "1"}}}) {
    CounterTally tally(ratio(), {first, Labels{{"instance", "1"}, {"page", "b"}}});
    std::string label = first.get("page").empty() ? "" : ",page=\"a\"";
    std::string old = "r{code=\"200\",instance=\"1\"" + label + "} 10";
    std::string fresh = "r{code=\"503\",instance=\"1\"" + label + "} 4";
    tally.take(look({old}));
    tally.take(look({old, "r{code=\"500\",instance=\"1\",page=\"b\"} 50000"}));
    EXPECT_EQ(tally.counts().groups[0].total, 0) << "its past is its own";
    tally.take(look({old, fresh, "r{code=\"500\",instance=\"1\",page=\"b\"} 50002"}));
    EXPECT_EQ(tally.counts().groups[0].bad, 6);
  }
}

TEST(CounterTally, ASeriesThatWasAwayGoesOn) {
  CounterTally tally(ratio());
  tally.take(look({"r{code=\"200\"} 10"}));
  tally.take({});
  tally.take(look({"r{code=\"200\"} 25"}));
  EXPECT_EQ(tally.counts().groups[0].total, 15);
}

TEST(CounterTally, GoodEventsAreTakenFromAll) {
  CounterTally tally(design("sum(rate(g[1m])) / sum(rate(t[1m]))", "result > 0.9"));
  tally.take(look({"g 10", "t 10"}));
  tally.take(look({"g 13", "t 20"}));
  EXPECT_EQ(tally.counts().groups[0].bad, 7);
  EXPECT_EQ(tally.counts().groups[0].total, 10);
}

TEST(CounterTally, GroupsByLabels) {
  CounterTally tally(
      design("sum by (route) (rate(r{code=\"500\"}[1m])) / sum by (route) (rate(r[1m]))", "result < 0.1"));
  tally.take(look({"r{route=\"/a\",code=\"500\"} 0", "r{route=\"/b\",code=\"200\"} 0"}));
  tally.take(look({"r{route=\"/a\",code=\"500\"} 3", "r{route=\"/b\",code=\"200\"} 4"}));
  Counts counts = tally.counts();
  ASSERT_EQ(counts.groups.size(), 2u);
  EXPECT_EQ(counts.groups[0].name, "route=/a");
  EXPECT_EQ(counts.groups[0].bad, 3);
  EXPECT_EQ(counts.groups[1].total, 4);
  EXPECT_EQ(counts.groups[1].bad, 0);
}

TEST(CounterTally, SlowEventsAreThoseAboveTheNextHigherBucket) {
  CounterTally tally(design("histogram_quantile(0.95, sum by (le) (rate(d_bucket[1m])))", "result < 0.8"));
  tally.take(look({"d_bucket{le=\"0.5\"} 0", "d_bucket{le=\"1.0\"} 0", "d_bucket{le=\"+Inf\"} 0"}));
  tally.take(look({"d_bucket{le=\"0.5\"} 70", "d_bucket{le=\"1.0\"} 90", "d_bucket{le=\"+Inf\"} 100"}));
  Counts counts = tally.counts();
  EXPECT_EQ(counts.groups[0].total, 100);
  EXPECT_EQ(counts.groups[0].bad, 10) << "0.8 is no bound: those above 1 count, which halts later rather than wrongly";
}

TEST(CounterTally, AThresholdAboveEveryBucketIsToldAsSuch) {
  CounterTally tally(design("histogram_quantile(0.95, rate(d_bucket[1m]))", "result < 30"));
  tally.take(look({"d_bucket{le=\"0.5\"} 0", "d_bucket{le=\"10.0\"} 0", "d_bucket{le=\"+Inf\"} 0"}));
  tally.take(look({"d_bucket{le=\"0.5\"} 0", "d_bucket{le=\"10.0\"} 0", "d_bucket{le=\"+Inf\"} 50"}));
  Counts counts = tally.counts();
  EXPECT_EQ(counts.groups[0].bad, 0);
  EXPECT_EQ(counts.groups[0].total, 50);
  EXPECT_NE(counts.trouble.find("ends at or above 30"), std::string::npos);
}

TEST(ReadCounters, TakesTheNewestLivingSamples) {
  promql::SeriesStore store;
  store.append(promql::Labels{{"__name__", "r"}, {"code", "500"}}, 1000, 3);
  store.append(promql::Labels{{"__name__", "r"}, {"code", "500"}}, 2000, 4);
  store.append(promql::Labels{{"__name__", "r"}, {"code", "200"}}, 2000, promql::stale_nan());
  store.append(promql::Labels{{"__name__", "other"}}, 2000, 1);
  auto values = read_counters(ratio(), store, 2500);
  ASSERT_FALSE(values.empty());
  for (const CounterValue& value : values) {
    EXPECT_EQ(value.value, 4);
    EXPECT_EQ(value.ms, 2000);
  }
}

TEST(CountersQuery, AsksForAllMetricsAtOnce) {
  EXPECT_EQ(counters_query(ratio(), {}), R"({__name__=~"r"})");
  auto nameless = design(R"(sum(rate(e[1m])) / sum(rate({__name__=~"t.*"}[1m])))", "result < 0.1");
  EXPECT_EQ(counters_query(nameless, {}), std::nullopt);
}

TEST(CountersQuery, AsksForTheBucketsThatCountAlone) {
  auto slow = design("histogram_quantile(0.95, rate(d_bucket[1m]))", "result < 0.8");
  CounterTally tally(slow);
  tally.take(
      look({"d_bucket{le=\"0.5\"} 0", "d_bucket{le=\"1.0\"} 0", "d_bucket{le=\"5.0\"} 0", "d_bucket{le=\"+Inf\"} 0"}));
  EXPECT_EQ(tally.bounds(), (std::set<std::string>{"+Inf", "1.0"}));
  EXPECT_EQ(counters_query(slow, tally.bounds()), R"({__name__=~"d_bucket", le=~"\\+Inf|1\\.0"})");
}

TEST(CountersQuery, KeepsWhatAllHaveInCommon) {
  auto both = design(R"(sum(rate(e{job="a",code="500"}[1m])) / sum(rate({"t.x",job="a"}[1m])))", "result < 0.1");
  EXPECT_EQ(counters_query(both, {}), R"({__name__=~"t\\.x|e", job="a"})");
}

}  // namespace
}  // namespace ordeal::watch
