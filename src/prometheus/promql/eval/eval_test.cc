#include "prometheus/promql/eval/eval.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>

#include "core/base/random.h"
#include "prometheus/promql/eval/testing.h"

namespace ordeal::promql {
namespace {

using testing::ask;
using testing::fill;

constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;

struct Store : SeriesStore {
  Store(int64_t step_ms, std::string_view lines) : SeriesStore({.keep_ms = 100 * 60 * kMinute}) {
    fill(*this, step_ms, lines);
  }
};

TEST(Selector, LooksBackFiveMinutesAndNoInstantMore) {  // P1
  Store store(kMinute, "foo 7");
  EXPECT_EQ(ask(store, "foo", 0), "foo 7");
  EXPECT_EQ(ask(store, "foo", 299'999), "foo 7");
  EXPECT_EQ(ask(store, "foo", 300'000), "no data");
  EXPECT_EQ(ask(store, "foo", -1), "no data");
  EXPECT_EQ(ask(store, "foo", 10'000, {.lookback_ms = 10'000}), "no data");
}

TEST(Selector, ShowsNothingOfASeriesThatWentStale) {  // P1
  Store store(kMinute, "foo 1 stale 2\nbar 1 2 3");
  EXPECT_EQ(ask(store, "foo", kMinute), "no data");
  EXPECT_EQ(ask(store, "foo", 2 * kMinute), "foo 2");
  EXPECT_EQ(ask(store, "count({__name__=~\"foo|bar\"})", kMinute), "{} 1");
}

TEST(Selector, MatchesLabelsThatAreAbsentAsEmpty) {  // P8, P9
  Store store(kMinute, "foo{a=\"x\"} 1\nfoo{b=\"y\"} 2");
  EXPECT_EQ(ask(store, "foo{a=\"\"}", 0), R"(foo{b="y"} 2)");
  EXPECT_EQ(ask(store, "foo{a=~\"x|\"}", 0), R"(foo{a="x"} 1, foo{b="y"} 2)");
  EXPECT_EQ(ask(store, "foo{a!=\"\"}", 0), R"(foo{a="x"} 1)");
  EXPECT_EQ(ask(store, "foo{a=~\"x.\"}", 0), "no data");
}

TEST(Selector, IsShiftedByOffsetAndAt) {
  Store store(kMinute, "foo 0+1x20");
  EXPECT_EQ(ask(store, "foo offset 3m", 10 * kMinute), "foo 7");
  EXPECT_EQ(ask(store, "foo offset -3m", 10 * kMinute), "foo 13");
  EXPECT_EQ(ask(store, "foo @ 120", 10 * kMinute), "foo 2");
  EXPECT_EQ(ask(store, "foo @ 120 offset 1m", 10 * kMinute), "foo 1");
  EXPECT_EQ(ask(store, "foo offset 1m @ end()", 10 * kMinute), "foo 9");
  EXPECT_EQ(ask(store, "count_over_time(foo[2m] @ 120)", 10 * kMinute), "{} 2");
}

TEST(Range, IsOpenOnTheLeftAndSkipsStaleMarkers) {  // P2
  Store store(kMinute, "foo 1 2 3 stale 5");
  EXPECT_EQ(ask(store, "foo[1m]", kMinute), "foo [2@60]");
  EXPECT_EQ(ask(store, "foo[2m]", 2 * kMinute), "foo [2@60 3@120]");
  EXPECT_EQ(ask(store, "foo[3m]", 4 * kMinute), "foo [3@120 5@240]");
  EXPECT_EQ(ask(store, "foo[1m]", 3 * kMinute), "no data");
  EXPECT_EQ(ask(store, "foo[1m:1m]", 2 * kMinute), "foo [3@120]");
}

TEST(Rate, ExtrapolatesToTheEdgesOfTheWindow) {  // P3
  // 13 samples, 5 s apart, 10 a sample; the first is at the window's open edge. 12 samples: 55 s sampled, rise 110.
  Store store(5 * kSecond, "foo_total 100+10x100");
  EXPECT_EQ(ask(store, "rate(foo_total[1m])", kMinute), "{} 2");
  EXPECT_EQ(ask(store, "increase(foo_total[1m])", kMinute), "{} 120");
  EXPECT_EQ(ask(store, "delta(foo_total[1m])", kMinute), "{} 120");
  EXPECT_EQ(ask(store, "irate(foo_total[1m])", kMinute), "{} 2");
  EXPECT_EQ(ask(store, "idelta(foo_total[1m])", kMinute), "{} 10");
}

TEST(Rate, StretchesByHalfADistanceWhereTheEdgeIsFar) {  // P3
  // In (0, 100] samples at 40, 50, 60: both gaps (40 s, 40 s) exceed 11 s, so 5 s each: 30 * (20 + 10) / 20 = 45.
  Store store(10 * kSecond, "foo_total _x4 1000 1015 1030");
  EXPECT_EQ(ask(store, "increase(foo_total[100s])", 100 * kSecond), "{} 45");
  EXPECT_EQ(ask(store, "rate(foo_total[100s])", 100 * kSecond), "{} 0.45");
}

TEST(Rate, NeverExtrapolatesACounterBelowZero) {  // P3
  // Samples at 10 (value 1) and 20 (value 11) of (0, 20]: zero was 1 s before the first. 10 * (10 + 1) / 10 = 11.
  Store store(10 * kSecond, "foo_total _ 1 11");
  EXPECT_EQ(ask(store, "increase(foo_total[20s])", 20 * kSecond), "{} 11");
  EXPECT_EQ(ask(store, "delta(foo_total[20s])", 20 * kSecond), "{} 20");
}

TEST(Rate, AddsBackWhatACounterHadBeforeAReset) {  // P3
  Store store(10 * kSecond, "foo_total 0 50 10 20 0 30");
  // (0, 50]: 50, 10, 20, 0, 30: last - first = -20, plus 50 and 20: 50 over 40 s; start gap 10 <= 11 and zero is 40 s
  // away.
  EXPECT_EQ(ask(store, "increase(foo_total[50s])", 50 * kSecond), "{} 62.5");
  EXPECT_EQ(ask(store, "irate(foo_total[50s])", 40 * kSecond), "{} 0") << "after a reset the last value counts";
  EXPECT_EQ(ask(store, "resets(foo_total[50s])", 50 * kSecond), "{} 2");
  EXPECT_EQ(ask(store, "changes(foo_total[50s])", 50 * kSecond), "{} 4");
}

TEST(Rate, NeedsTwoSamples) {  // P3, P4
  Store store(10 * kSecond, "foo_total _ _ 500");
  EXPECT_EQ(ask(store, "rate(foo_total[1m])", 30 * kSecond), "no data");
  EXPECT_EQ(ask(store, "irate(foo_total[1m])", 30 * kSecond), "no data");
}

TEST(OverTime, SummarisesEachSeries) {
  Store store(10 * kSecond, "foo{a=\"x\"} 9 1 4 2 NaN\nfoo{a=\"y\"} 9 5");
  EXPECT_EQ(ask(store, "sum_over_time(foo[30s])", 30 * kSecond), R"({a="x"} 7, {a="y"} 5)");
  EXPECT_EQ(ask(store, "avg_over_time(foo{a=\"x\"}[20s])", 30 * kSecond), R"({a="x"} 3)");
  EXPECT_EQ(ask(store, "min_over_time(foo{a=\"x\"}[40s])", 40 * kSecond), R"({a="x"} 1)");
  EXPECT_EQ(ask(store, "max_over_time(foo{a=\"x\"}[40s])", 40 * kSecond), R"({a="x"} 4)");
  EXPECT_EQ(ask(store, "count_over_time(foo[1m])", 40 * kSecond), R"({a="x"} 5, {a="y"} 2)");
  EXPECT_EQ(ask(store, "last_over_time(foo[30s])", 30 * kSecond), R"(foo{a="x"} 2, foo{a="y"} 5)");
  EXPECT_EQ(ask(store, "first_over_time(foo[30s])", 30 * kSecond), R"(foo{a="x"} 1, foo{a="y"} 5)");
  EXPECT_EQ(ask(store, "first_over_time(foo[30s]) - last_over_time(foo[30s])", 40 * kSecond), R"({a="x"} NaN)");
  EXPECT_EQ(ask(store, "quantile_over_time(0.5, foo{a=\"x\"}[30s])", 30 * kSecond), R"({a="x"} 2)");
  EXPECT_EQ(ask(store, "stdvar_over_time(foo{a=\"x\"}[20s])", 30 * kSecond), R"({a="x"} 1)");
  EXPECT_EQ(ask(store, "deriv(foo{a=\"x\"}[20s])", 30 * kSecond), R"({a="x"} -0.2)");
  EXPECT_EQ(ask(store, "predict_linear(foo{a=\"x\"}[20s], 10)", 30 * kSecond), R"({a="x"} 0)");
}

TEST(Aggregation, TakesNoMoreThanAWholeNumberCanSay) {
  Store store(kMinute, "foo{a=\"x\"} 1\nfoo{a=\"y\"} 2");
  for (const char* k : {"1e20", "Inf", "9223372036854774784", "9.3e18"})
    for (const char* op : {"topk", "bottomk"}) {
      std::string found = ask(store, std::string(op) + "(" + k + ", foo)", 0);
      EXPECT_TRUE(found.starts_with("error: ") && found.find("overflows int64") != std::string::npos) << found;
    }
  EXPECT_EQ(ask(store, "count(topk(9e18, foo))", 0), "{} 2");
  for (const char* k : {"0.9", "0", "-1", "-1e20", "-Inf"})
    EXPECT_EQ(ask(store, std::string("topk(") + k + ", foo)", 0), "no data") << k;
  EXPECT_NE(ask(store, "topk(NaN, foo)", 0).find("Parameter value is NaN"), std::string::npos);
}

struct DateOf {
  const char* seconds;
  double year, month, day, weekday, day_of_year, days, hour, minute;
};

// As Go 1.26 on amd64, and so Prometheus 3.16, has them.
constexpr DateOf kDates[] = {
    {"0", 1970, 1, 1, 4, 1, 31, 0, 0},
    {"-1", 1969, 12, 31, 3, 365, 31, 23, 59},
    {"-0.5", 1970, 1, 1, 4, 1, 31, 0, 0},
    {"951782400", 2000, 2, 29, 2, 60, 29, 0, 0},
    {"-62135596800", 1, 1, 1, 1, 1, 31, 0, 0},
    {"1e12", 33658, 9, 27, 5, 270, 30, 1, 46},
    {"1e15", 31690708, 7, 5, 0, 187, 31, 1, 46},
    {"1e16", 316889355, 1, 25, 6, 25, 31, 17, 46},
    {"1e18", 31688740476, 10, 23, 5, 297, 31, 1, 46},
    {"-1e18", -31688736537, 3, 10, 2, 69, 31, 22, 13},
    {"9.2e18", 291536396232, 8, 31, 5, 244, 31, 11, 33},
    {"-9.2233e18", -292274739900, 2, 15, 1, 46, 28, 14, 13},
    {"9.223372036854774e18", 292277026596, 12, 4, 0, 339, 31, 14, 56},
    {"1e19", 292277026596, 12, 4, 0, 339, 31, 15, 30},
    {"-1e19", 292277026596, 12, 4, 0, 339, 31, 15, 30},
    {"NaN", 292277026596, 12, 4, 0, 339, 31, 15, 30},
    {"Inf", 292277026596, 12, 4, 0, 339, 31, 15, 30},
};

TEST(Dates, OfNumbersFarOutAreThoseOfPrometheus) {
  SeriesStore store;
  for (const DateOf& date : kDates)
    for (auto [function, right] :
         {std::pair{"year", date.year}, std::pair{"month", date.month}, std::pair{"day_of_month", date.day},
          std::pair{"day_of_week", date.weekday}, std::pair{"day_of_year", date.day_of_year},
          std::pair{"days_in_month", date.days}, std::pair{"hour", date.hour}, std::pair{"minute", date.minute}})
      EXPECT_EQ(ask(store, fmt::format("{}(vector({}))", function, date.seconds), 0), fmt::format("{{}} {}", right))
          << function << " of " << date.seconds;
}

TEST(OverTime, SumsWithoutLosingSmallValues) {  // P12
  Store store(10 * kSecond, "foo 0 1e100 1 -1e100");
  EXPECT_EQ(ask(store, "sum_over_time(foo[30s])", 30 * kSecond), "{} 1");
  EXPECT_EQ(ask(store, "avg_over_time(foo[20s])", 30 * kSecond), "{} -5e+99");
}

TEST(Subquery, EvaluatesAtAlignedSteps) {  // P15
  Store store(10 * kSecond, "foo 0+1x100");
  EXPECT_EQ(ask(store, "foo[50s:20s]", 105 * kSecond), "foo [6@60 8@80 10@100]");
  EXPECT_EQ(ask(store, "foo[2m:]", 130 * kSecond), "foo [6@60 12@120]");
  EXPECT_EQ(ask(store, "max_over_time(rate(foo[20s])[1m:10s])", 5 * kMinute), "{} 0.1");
}

TEST(Arithmetic, FollowsIeee754) {  // P12, P13
  Store store(kMinute, "a 1\nz 0");
  EXPECT_EQ(ask(store, "1 + 2 * 3 ^ 2", 0), "19");
  EXPECT_EQ(ask(store, "-1 ^ 2", 0), "-1");
  EXPECT_EQ(ask(store, "2 ^ 3 ^ 2", 0), "512");
  EXPECT_EQ(ask(store, "7 % -4", 0), "3");
  EXPECT_EQ(ask(store, "1 / 0", 0), "+Inf");
  EXPECT_EQ(ask(store, "-1 / 0", 0), "-Inf");
  EXPECT_EQ(ask(store, "0 / 0", 0), "NaN");
  EXPECT_EQ(ask(store, "1 atan2 0", 0), "1.57079632679");
  EXPECT_EQ(ask(store, "a / z", 0), "{} +Inf");
  EXPECT_EQ(ask(store, "2 > bool 1", 0), "1");
}

TEST(Arithmetic, DropsNamesAndFiltersKeepThem) {  // P10
  Store store(kMinute, "foo{a=\"x\"} 3");
  EXPECT_EQ(ask(store, "foo * 2", 0), R"({a="x"} 6)");
  EXPECT_EQ(ask(store, "-foo", 0), R"({a="x"} -3)");
  EXPECT_EQ(ask(store, "foo > 2", 0), R"(foo{a="x"} 3)");
  EXPECT_EQ(ask(store, "2 < foo", 0), R"(foo{a="x"} 3)") << "the element's own value is kept";
  EXPECT_EQ(ask(store, "foo > bool 5", 0), R"({a="x"} 0)");
  EXPECT_EQ(ask(store, "foo > 5", 0), "no data");
  EXPECT_EQ(ask(store, "abs(foo)", 0), R"({a="x"} 3)");
}

TEST(Arithmetic, RefusesTwoElementsThatLoseTheirNames) {  // P10
  Store store(kMinute, "foo{a=\"x\"} 3\nbar{a=\"x\"} 4");
  EXPECT_NE(ask(store, "{a=\"x\"} * 2", 0).find("vector cannot contain metrics with the same labelset"),
            std::string::npos);
  EvalOptions delayed{.delayed_name_removal = true};
  EXPECT_EQ(ask(store, "sum by (__name__) ({a=\"x\"})", 0, delayed), "bar 4, foo 3");
  EXPECT_EQ(ask(store, "sum by (__name__) (foo or label_replace(foo * 2, \"b\", \"y\", \"\", \"\"))", 0, delayed),
            "{} 9")
      << "one element that loses its name takes the group's";
  EXPECT_NE(ask(store, "{a=\"x\"} * 2", 0, delayed).find("same labelset"), std::string::npos);
  EXPECT_EQ(ask(store, "label_replace({a=\"x\"} * 2, \"n\", \"$1\", \"__name__\", \"(.*)\")", 0, delayed),
            R"({a="x", n="bar"} 8, {a="x", n="foo"} 6)");
}

TEST(Comparison, DropsNaNSilently) {  // P12
  Store store(kMinute, "foo{a=\"x\"} NaN\nfoo{a=\"y\"} 2");
  EXPECT_EQ(ask(store, "foo > 1", 0), R"(foo{a="y"} 2)");
  EXPECT_EQ(ask(store, "foo == foo", 0), R"(foo{a="y"} 2)");
  EXPECT_EQ(ask(store, "foo != foo", 0), R"(foo{a="x"} NaN)");
}

constexpr std::string_view kShop = R"(
    errors{method="get", code="500"} 24
    errors{method="get", code="404"} 30
    errors{method="put", code="501"} 3
    errors{method="post", code="500"} 6
    requests{method="get"} 600
    requests{method="del"} 34
    requests{method="post"} 120)";

TEST(Matching, PairsOneToOne) {  // P11
  Store store(kMinute, kShop);
  EXPECT_EQ(ask(store, "errors{code=\"500\"} / ignoring(code) requests", 0),
            R"({method="get"} 0.04, {method="post"} 0.05)");
  EXPECT_EQ(ask(store, "errors{code=\"500\"} / on(method) requests", 0),
            R"({method="get"} 0.04, {method="post"} 0.05)");
  EXPECT_EQ(ask(store, "errors / requests", 0), "no data") << "the labels differ";
  EXPECT_EQ(ask(store, "requests > ignoring(code) errors{code=\"500\"}", 0),
            R"(requests{method="get"} 600, requests{method="post"} 120)");
  EXPECT_EQ(ask(store, "requests > on(method) errors{code=\"500\"}", 0), R"({method="get"} 600, {method="post"} 120)");
}

TEST(Matching, PairsManyToOneAndCopiesLabels) {  // P11
  Store store(kMinute, std::string(kShop) + "\nowner{method=\"get\", team=\"a\"} 1");
  EXPECT_EQ(ask(store, "errors / ignoring(code) group_left requests", 0),
            R"({code="404", method="get"} 0.05, {code="500", method="get"} 0.04, {code="500", method="post"} 0.05)");
  EXPECT_EQ(ask(store, "requests / ignoring(code) group_right errors", 0),
            R"({code="404", method="get"} 20, {code="500", method="get"} 25, {code="500", method="post"} 20)");
  EXPECT_EQ(ask(store, "errors * on(method) group_left(team) owner", 0),
            R"({code="404", method="get", team="a"} 30, {code="500", method="get", team="a"} 24)");
}

TEST(Matching, RefusesWhatIsAmbiguous) {  // P11
  Store store(kMinute, kShop);
  EXPECT_NE(ask(store, "requests / on(method) errors", 0).find("many-to-many matching not allowed"), std::string::npos);
  EXPECT_NE(ask(store, "errors / on(method) requests", 0).find("multiple matches for labels"), std::string::npos);
}

TEST(Sets, KeepTheLeftSideAsItIs) {
  Store store(kMinute, kShop);
  EXPECT_EQ(ask(store, "requests and on(method) errors", 0),
            R"(requests{method="get"} 600, requests{method="post"} 120)");
  EXPECT_EQ(ask(store, "requests unless on(method) errors", 0), R"(requests{method="del"} 34)");
  EXPECT_EQ(ask(store, "requests{method=\"get\"} or on(method) errors{code=\"500\"}", 0),
            R"(errors{code="500", method="post"} 6, requests{method="get"} 600)");
  EXPECT_EQ(ask(store, "sum(nothing) or vector(0)", 0), "{} 0");
}

TEST(Aggregation, GroupsByLabelsOrWithoutThem) {
  Store store(kMinute, kShop);
  EXPECT_EQ(ask(store, "sum(errors)", 0), "{} 63");
  EXPECT_EQ(ask(store, "sum by (method) (errors)", 0), R"({method="get"} 54, {method="post"} 6, {method="put"} 3)");
  EXPECT_EQ(ask(store, "max without (method) (errors)", 0), R"({code="404"} 30, {code="500"} 24, {code="501"} 3)");
  EXPECT_EQ(ask(store, "avg(requests)", 0), "{} 251.333333333");
  EXPECT_EQ(ask(store, "min(requests)", 0), "{} 34");
  EXPECT_EQ(ask(store, "count by (code) (errors)", 0), R"({code="404"} 1, {code="500"} 2, {code="501"} 1)");
  EXPECT_EQ(ask(store, "group(errors)", 0), "{} 1");
  EXPECT_EQ(ask(store, "stdvar(errors{code=\"500\"})", 0), "{} 81");
  EXPECT_EQ(ask(store, "stddev(errors{code=\"500\"})", 0), "{} 9");
  EXPECT_EQ(ask(store, "quantile(0.5, errors)", 0), "{} 15");
  EXPECT_EQ(ask(store, "count_values(\"v\", errors{code=\"500\"})", 0), R"({v="24"} 1, {v="6"} 1)");
  EXPECT_EQ(ask(store, "sum(nothing)", 0), "no data");
}

TEST(Aggregation, RanksWithTopkAndBottomk) {
  Store store(kMinute, kShop);
  EXPECT_EQ(ask(store, "topk(2, requests)", 0), R"(requests{method="get"} 600, requests{method="post"} 120)");
  EXPECT_EQ(ask(store, "bottomk(1, requests)", 0), R"(requests{method="del"} 34)");
  EXPECT_EQ(ask(store, "topk by (code) (1, errors{code=\"500\"})", 0), R"(errors{code="500", method="get"} 24)");
  EXPECT_EQ(ask(store, "topk(0, requests)", 0), "no data");
  EXPECT_NE(ask(store, "topk(NaN, requests)", 0).find("NaN"), std::string::npos);
}

TEST(Aggregation, TreatsNaNAsPrometheusDoes) {  // P12
  Store store(kMinute, "foo{a=\"x\"} NaN\nfoo{a=\"y\"} 2\nfoo{a=\"z\"} 1\nbar NaN");
  EXPECT_EQ(ask(store, "max(foo)", 0), "{} 2");
  EXPECT_EQ(ask(store, "min(foo)", 0), "{} 1");
  EXPECT_EQ(ask(store, "max(bar)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "sum(foo)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "topk(3, foo)", 0), R"(foo{a="y"} 2, foo{a="z"} 1, foo{a="x"} NaN)");
  EXPECT_EQ(ask(store, "bottomk(1, foo)", 0), R"(foo{a="z"} 1)");
  EXPECT_EQ(ask(store, "quantile(0, foo)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "sort_desc(foo)", 0), R"(foo{a="y"} 2, foo{a="z"} 1, foo{a="x"} NaN)");
}

TEST(Aggregation, AveragesWithoutOverflow) {  // P12
  Store store(kMinute, "foo{a=\"x\"} 1.7e308\nfoo{a=\"y\"} 1.7e308");
  EXPECT_EQ(ask(store, "avg(foo)", 0), "{} 1.7e+308");
  EXPECT_EQ(ask(store, "sum(foo)", 0), "{} +Inf");
}

TEST(Functions, ActOnVectors) {
  Store store(kMinute, "foo{a=\"x\"} -2.5\nfoo{a=\"y\"} 2.5");
  EXPECT_EQ(ask(store, "ceil(foo)", 0), R"({a="x"} -2, {a="y"} 3)");
  EXPECT_EQ(ask(store, "floor(foo)", 0), R"({a="x"} -3, {a="y"} 2)");
  EXPECT_EQ(ask(store, "round(foo)", 0), R"({a="x"} -2, {a="y"} 3)");
  EXPECT_EQ(ask(store, "round(foo, 5)", 0), R"({a="x"} 0, {a="y"} 5)");
  EXPECT_EQ(ask(store, "clamp(foo, -1, 1)", 0), R"({a="x"} -1, {a="y"} 1)");
  EXPECT_EQ(ask(store, "clamp(foo, 1, -1)", 0), "no data");
  EXPECT_EQ(ask(store, "clamp_min(foo, 0)", 0), R"({a="x"} 0, {a="y"} 2.5)");
  EXPECT_EQ(ask(store, "clamp_max(foo, 0)", 0), R"({a="x"} -2.5, {a="y"} 0)");
  EXPECT_EQ(ask(store, "sort_desc(foo)", 0), R"(foo{a="y"} 2.5, foo{a="x"} -2.5)");
  EXPECT_EQ(ask(store, "sgn(foo)", 0), R"({a="x"} -1, {a="y"} 1)");
}

TEST(Functions, TurnVectorsToScalarsAndBack) {
  Store store(kMinute, "foo{a=\"x\"} 1\nfoo{a=\"y\"} 2");
  EXPECT_EQ(ask(store, "scalar(foo{a=\"x\"})", 0), "1");
  EXPECT_EQ(ask(store, "scalar(foo)", 0), "NaN");
  EXPECT_EQ(ask(store, "vector(3) + 1", 0), "{} 4");
  EXPECT_EQ(ask(store, "time()", 90'500), "90.5");
  EXPECT_EQ(ask(store, "timestamp(foo{a=\"x\"})", 90'500), R"({a="x"} 0)");
  EXPECT_EQ(ask(store, "timestamp(foo{a=\"x\"} + 0)", 90'500), R"({a="x"} 90.5)");
  EXPECT_EQ(ask(store, "\"text\"", 0), "\"text\"");
}

TEST(Functions, SayWhatIsAbsent) {
  Store store(kMinute, "foo 1");
  EXPECT_EQ(ask(store, "absent(foo)", 0), "no data");
  EXPECT_EQ(ask(store, "absent(bar{a=\"x\", b!=\"y\", c=~\"z\"})", 0), R"({a="x"} 1)");
  EXPECT_EQ(ask(store, "absent(sum(bar))", 0), "{} 1");
  EXPECT_EQ(ask(store, "absent_over_time(bar{a=\"x\"}[5m])", 0), R"({a="x"} 1)");
}

TEST(Functions, ReplaceLabels) {
  Store store(kMinute, "foo{src=\"a-10\"} 1");
  EXPECT_EQ(ask(store, "label_replace(foo, \"dst\", \"$1/${n}-$$\", \"src\", \"(.*)-(?P<n>.*)\")", 0),
            R"(foo{dst="a/10-$", src="a-10"} 1)");
  EXPECT_EQ(ask(store, "label_replace(foo, \"dst\", \"x\", \"src\", \"a\")", 0), R"(foo{src="a-10"} 1)");
}

TEST(Limits, RefuseAQueryThatTouchesTooMuch) {
  Store store(kSecond, "foo 0+1x600");
  EXPECT_NE(ask(store, "foo[10m]", 10 * kMinute, {.most_samples = 500}).find("more than 500 samples"),
            std::string::npos);
  EXPECT_NE(ask(store, "sum_over_time(foo[100d:1ms])", 10 * kMinute, {.most_samples = 500}).find("more than"),
            std::string::npos);
}

TEST(Limits, HoldForAllStepsTogether) {
  Store store(kSecond, "foo 0+1x600");
  auto run = [&](const char* query, size_t most_work) {
    return eval_range(**parse(query), store, 0, 10 * kMinute, kSecond, {.most_work = most_work}).has_value();
  };
  EXPECT_TRUE(run("foo", 1300));
  EXPECT_FALSE(run("foo", 1000));
  EXPECT_FALSE(run("rate(foo[1m])", 10'000));
  EXPECT_FALSE(run("sum_over_time(foo[1m] offset 1h)", 500)) << "series without samples in the window cost as well";
}

TEST(RangeQuery, EvaluatesStepByStep) {
  Store store(10 * kSecond, "foo{a=\"x\"} 0+1x20\nfoo{a=\"y\"} _x3 5 stale");
  auto expr = parse("foo + 1");
  auto result = eval_range(**expr, store, 20'000, 50'000, 10'000);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text(), R"({a="x"} [3@20 4@30 5@40 6@50], {a="y"} [6@30])");
  EXPECT_EQ(eval_range(**parse("time()"), store, 0, 2000, 1000)->text(), "{} [0@0 1@1 2@2]");
  EXPECT_EQ(eval_range(**parse("foo{a=\"x\"} @ end()"), store, 0, 20'000, 10'000)->text(),
            R"(foo{a="x"} [2@0 2@10 2@20])");
  EXPECT_FALSE(eval_range(**parse("foo[5m]"), store, 0, 2000, 1000));
  EXPECT_FALSE(eval_range(**expr, store, 0, 2000, 0));
}

// Also below an aggregation, which would hide them.
TEST(EvalNames, TwoOfOneNameAreAnErrorWhereverTheyArise) {
  Store store(kMinute, "left{a=\"1\"} 1\nright{a=\"1\"} 2");
  for (const char* query :
       {"sum(abs({__name__=~\"left|right\"}))", "sum(clamp_min({__name__=~\"left|right\"}, 0))",
        "sum({__name__=~\"left|right\"} * 2)", "sum(-{__name__=~\"left|right\"})",
        "sum(max_over_time({__name__=~\"left|right\"}[5m]))", "sum(hour({__name__=~\"left|right\"}))"}) {
    std::string said = ask(store, query, 0);
    EXPECT_NE(said.find("same labelset"), std::string::npos) << query << ": " << said;
  }
}

// Counters that fall, gauges with NaN and gaps, markers, and series that begin late or end early.
SeriesStore scattered_samples() {
  SeriesStore store;
  Random random(7);
  for (int number = 0; number < 40; ++number) {
    Labels labels({{"__name__", "m"}, {"n", std::to_string(number)}});
    double value = 0;
    for (int64_t ms = number % 5 * kMinute; ms < (number % 7 + 4) * kMinute; ms += 10 * kSecond) {
      double kind = random.uniform();
      value = kind < 0.05 ? 0 : value + std::floor(20 * random.uniform());
      if (kind < 0.9)
        store.append(labels, ms + number % 3 * 250, kind > 0.87 ? stale_nan() : kind > 0.84 ? std::nan("") : value);
    }
  }
  return store;
}

// A range reads each series once for many steps; it must not show.
TEST(RangeQuery, IsItsInstantsOneByOne) {
  SeriesStore store = scattered_samples();
  for (const char* function :
       {"rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv", "sum_over_time", "avg_over_time",
        "min_over_time", "count_over_time", "first_over_time", "last_over_time", "stddev_over_time"}) {
    for (const char* window :
         {"m[1m]", "m[5s]", "m[4m] offset 30s", "m[2m] @ 200", "sum by (n) (m)[2m:20s]", "rate(m[50s])[3m:15s]"}) {
      std::string query = fmt::format("{}({})", function, window);
      ExprPtr expr = *parse(query);
      for (int64_t step : {int64_t{700}, 15 * kSecond, 3 * kMinute}) {
        auto range = eval_range(*expr, store, 5, 12 * kMinute, step);
        ASSERT_TRUE(range) << query << ": " << range.error().message();
        std::map<std::pair<std::string, int64_t>, uint64_t> seen, wanted;
        for (const MatrixSeries& series : range->matrix)
          for (const Sample& sample : series.samples)
            seen[{series.labels.text(), sample.ms}] = std::bit_cast<uint64_t>(sample.value);
        for (int64_t at = 5; at <= 12 * kMinute; at += step) {
          QueryResult instant = *eval_instant(*expr, store, at);
          for (const VectorElement& element : instant.vector)
            wanted[{element.labels.text(), at}] = std::bit_cast<uint64_t>(element.value);
        }
        EXPECT_EQ(seen, wanted) << query << " at steps of " << step;
        EXPECT_FALSE(wanted.empty() && query.find("[5s]") == query.npos) << query;
      }
    }
  }
}

}  // namespace
}  // namespace ordeal::promql
