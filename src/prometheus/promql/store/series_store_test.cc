#include "prometheus/promql/store/series_store.h"

#include <gtest/gtest.h>

namespace ordeal::promql {
namespace {

Matcher matcher(MatchType type, std::string name, std::string value) {
  return *Matcher::create(type, std::move(name), std::move(value));
}

Labels up(const std::string& job) { return Labels{{"__name__", "up"}, {"job", job}}; }

std::vector<Series> all_of(const SeriesStore& store, const std::string& name) {
  std::vector<Matcher> matchers{matcher(MatchType::kEqual, "__name__", name)};
  return store.select(matchers).series;
}

TEST(Labels, AreASetSortedByNameWithoutEmptyValues) {
  Labels labels{{"z", "1"}, {"a", "2"}, {"b", ""}, {"z", "3"}};
  EXPECT_EQ(labels, (Labels{{"a", "2"}, {"z", "3"}}));
  EXPECT_EQ(labels.get("b"), "");
  labels.set("m", "4");
  labels.set("a", "");
  EXPECT_EQ(labels.text(), R"({m="4", z="3"})");
  EXPECT_EQ(labels.hash(), (Labels{{"z", "3"}, {"m", "4"}}).hash());
}

TEST(Labels, PrintNamesThatNeedQuotesInsideTheBraces) {
  EXPECT_EQ((Labels{{"__name__", "my.metric"}, {"l-1", "a\"b\n"}}).text(), "{\"my.metric\", \"l-1\"=\"a\\\"b\\n\"}");
  EXPECT_EQ((Labels{{"__name__", "job:x"}}).text(), "job:x");
  EXPECT_EQ(Labels{}.text(), "{}");
}

TEST(Matcher, MatchesTheWholeValueAndAnAbsentOneAsEmpty) {
  EXPECT_TRUE(matcher(MatchType::kRegex, "code", "5..").matches("503"));
  EXPECT_FALSE(matcher(MatchType::kRegex, "code", "5..").matches("5033"));
  EXPECT_FALSE(matcher(MatchType::kRegex, "code", "a|b").matches("ab"));
  EXPECT_TRUE(matcher(MatchType::kRegex, "code", ".*").matches(""));
  EXPECT_TRUE(matcher(MatchType::kRegex, "code", "a.b").matches("a\nb"));
  EXPECT_TRUE(matcher(MatchType::kNotRegex, "code", "5..").matches(""));
  EXPECT_TRUE(matcher(MatchType::kEqual, "code", "").matches(""));
  EXPECT_TRUE(matcher(MatchType::kNotEqual, "code", "200").matches(""));
}

TEST(Matcher, RefusesAWrongRegularExpression) {
  auto wrong = Matcher::create(MatchType::kRegex, "code", "(5");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().what.find("(5"), std::string::npos);
}

TEST(SeriesStore, SelectsByMatchersInTheOrderOfLabels) {
  SeriesStore store;
  for (int i = 0; i < 5; ++i) {
    store.append(up("b"), i * 1000, -i);
    store.append(up("a"), i * 1000, i);
    store.append(Labels{{"__name__", "down"}, {"job", "a"}}, i * 1000, 7);
  }
  auto found = all_of(store, "up");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].labels, up("a"));
  EXPECT_EQ(found[1].labels, up("b"));
  // Left-open: the sample at 1000 is outside.
  auto window = found[0].between(1000, 3000);
  ASSERT_EQ(window.size(), 2u);
  EXPECT_EQ(window[0].ms, 2000);
  EXPECT_EQ(window[1].value, 3);
  EXPECT_TRUE(found[0].between(4000, 9000).empty());

  std::vector<Matcher> by_job{matcher(MatchType::kRegex, "job", "a|c"),
                              matcher(MatchType::kNotEqual, "__name__", "up")};
  auto others = store.select(by_job).series;
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].labels.get("__name__"), "down");
}

TEST(SeriesStore, DropsAndCountsWhatIsNotNewer) {
  SeriesStore store;
  EXPECT_TRUE(store.append(up("a"), 1000, 1));
  EXPECT_FALSE(store.append(up("a"), 1000, 2));
  EXPECT_FALSE(store.append(up("a"), 500, 3));
  EXPECT_EQ(store.dropped().out_of_order, 2u);
  EXPECT_EQ(store.sample_count(), 1u);
}

TEST(SeriesStore, ForgetsSamplesByAgeAndByNumber) {
  SeriesStore store({.keep_ms = 10'000, .samples_per_series = 8});
  for (int i = 0; i < 1000; ++i) store.append(up("a"), i * 2000, i);
  auto found = all_of(store, "up");
  ASSERT_EQ(found[0].samples.size(), 6u);  // 10 s at one each 2 s, both ends
  EXPECT_EQ(found[0].samples.front().value, 994);
  for (int i = 0; i < 100; ++i) store.append(up("a"), 1998'000 + 10 * (i + 1), i);
  EXPECT_EQ(all_of(store, "up")[0].samples.size(), 8u);
  EXPECT_EQ(store.sample_count(), 8u);
}

TEST(SeriesStore, BoundsTheNumberOfSeriesAndCountsWhatItDrops) {
  SeriesStore store({.series = 3, .label_bytes = 40});
  for (int i = 0; i < 5; ++i) store.append(up(std::to_string(i)), 1000, 1);
  EXPECT_EQ(store.series_count(), 3u);
  EXPECT_EQ(store.dropped().too_many_series, 2u);
  EXPECT_TRUE(store.append(up("0"), 2000, 1)) << "a known series goes on";
  EXPECT_FALSE(store.append(up(std::string(100, 'x')), 1000, 1));
  EXPECT_EQ(store.dropped().labels_too_long, 1u);
}

TEST(SeriesStore, SaysWhatALimitHasCost) {
  SeriesStore store({.series = 1, .label_bytes = 40});
  store.append(Labels{{"__name__", "a"}}, 1, 1);
  EXPECT_TRUE(store.losses().empty());
  store.append(Labels{{"__name__", "b"}}, 1, 1);
  store.append(Labels{{"__name__", "c"}, {"path", std::string(40, 'x')}}, 1, 1);
  EXPECT_EQ(store.losses(), (std::vector<std::string>{"series beyond the first 1 are left out",
                                                      "series whose labels are longer than 40 bytes are left out"}));
}

TEST(SeriesStore, MakesRoomBySweepingSeriesThatEnded) {
  SeriesStore store({.keep_ms = 10'000, .series = 2});
  store.append(up("old"), 0, 1);
  store.append(up("new"), 0, 1);
  store.append(up("new"), 20'000, 1);
  EXPECT_TRUE(store.append(up("newer"), 20'001, 1));
  EXPECT_EQ(store.series_count(), 2u);
  EXPECT_EQ(all_of(store, "up").size(), 2u);
}

TEST(SeriesStore, BoundsAllSamplesTogether) {
  SeriesStore store({.samples = 10});
  for (int i = 0; i < 20; ++i) store.append(up("a"), i, i);
  EXPECT_EQ(store.sample_count(), 10u);
  EXPECT_FALSE(store.append(up("b"), 20, 1));
  EXPECT_EQ(store.dropped().too_many_samples, 1u);
  EXPECT_EQ(all_of(store, "up")[0].samples.front().value, 10);
}

TEST(Values, PrintAsPrometheusPrintsThem) {
  EXPECT_EQ(value_text(0.1), "0.1");
  EXPECT_EQ(value_text(3), "3");
  EXPECT_EQ(value_text(-INFINITY), "-Inf");
  EXPECT_EQ(value_text(NAN), "NaN");
}

TEST(Values, KnowAStaleMarkerFromAnyOtherNaN) {
  EXPECT_TRUE(is_stale(stale_nan()));
  EXPECT_FALSE(is_stale(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(is_stale(0));
}

}  // namespace
}  // namespace ordeal::promql
