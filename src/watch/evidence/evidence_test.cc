#include "watch/evidence/evidence.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::watch {
namespace {

constexpr int64_t kNow = 1'000'000;  // ms

Needs needs(const std::string& query) { return needs_of(**promql::parse(query)); }

promql::Labels series(const std::string& name, const std::string& instance) {
  promql::Labels labels;
  labels.set("__name__", name);
  labels.set("instance", instance);
  return labels;
}

TEST(Needs, AreTheSelectorsWithTheirWindows) {
  struct Case {
    const char* query;
    size_t needed, ranges, compared;
    Nanos window;
  };
  for (const Case& c : {Case{"x", 1, 0, 0, 0s}, Case{"rate(x[1m]) / rate(y[30s])", 2, 2, 0, 60s},
                        Case{"x / rate(y[5s])", 2, 1, 0, 5s}, Case{"x - x offset 1w", 1, 0, 1, 0s},
                        Case{"rate(x[1m] @ 0)", 0, 0, 1, 0s}, Case{"max_over_time(rate(x[5s])[30s:1s])", 1, 1, 0, 35s},
                        Case{"max_over_time(x[30s:1s] offset 1h)", 0, 0, 1, 0s}, Case{"1 + time()", 0, 0, 0, 0s}}) {
    Needs found = needs(c.query);
    EXPECT_EQ(found.of.size(), c.needed) << c.query;
    EXPECT_EQ(std::count_if(found.of.begin(), found.of.end(), [](const Need& need) { return need.range; }), c.ranges);
    EXPECT_EQ(found.compared.size(), c.compared) << c.query;
    EXPECT_EQ(found.window, c.window) << c.query;
  }
}

struct Store : testing::Test {
  void add(const std::string& name, const std::string& instance, std::vector<int64_t> ages) {
    for (int64_t age : ages) store.append(series(name, instance), kNow - age, 1);
  }
  void end(const std::string& name, const std::string& instance) {
    store.append(series(name, instance), kNow - 1, promql::stale_nan());
  }
  // Ages in ms of from, until, newest and the window's beginning; -1 of what is not there.
  std::vector<int64_t> ages(const std::string& query, int64_t alive_until = -1) {
    auto taken = taken_from(needs(query), {store, kNow, WallOffset{}, [=](promql::LabelsView) { return alive_until; }});
    if (!taken) return {-1};
    auto age = [](BootTime time) { return kNow - time.time_since_epoch() / 1ms; };
    return {age(taken->from), age(taken->until), age(taken->newest), age(taken->back_to)};
  }
  promql::SeriesStore store;
};

TEST_F(Store, TheSlowestSeriesDecides) {
  add("x", "a", {300, 200, 100});
  add("x", "b", {5000, 4000});
  EXPECT_EQ(ages("x"), (std::vector<int64_t>{4000, 100, 4000, 4000}));
  EXPECT_EQ(ages("rate(x[10s])"), (std::vector<int64_t>{5000, 100, 4000, 10000}));
  EXPECT_EQ(ages("rate(x{instance=\"a\"}[10s])"), (std::vector<int64_t>{200, 100, 100, 10000}));
}

TEST_F(Store, WhatEndedIsNotNeeded) {
  add("x", "a", {300, 200, 100});
  add("x", "b", {9000, 8000});
  end("x", "b");
  EXPECT_EQ(ages("rate(x[10s])"), (std::vector<int64_t>{200, 100, 100, 10000}));
  end("x", "a");
  EXPECT_EQ(ages("rate(x[10s])"), (std::vector<int64_t>{-1})) << "what is left is the past";
}

TEST_F(Store, ASeriesWithOneSampleHasNoEarlierOne) {
  add("x", "a", {100});
  EXPECT_EQ(ages("x").front(), 100);
  EXPECT_GE(ages("rate(x[10s])").front(), kNow);
}

TEST_F(Store, WithoutSeriesTheTargetsThemselvesCount) {
  add("up", "a", {400, 200});
  EXPECT_EQ(ages("absent(x)"), (std::vector<int64_t>{200, 200, 200, 200}));
  EXPECT_EQ(ages("rate(x[5s]) or vector(0)").front(), 400);
}

TEST_F(Store, APageThatStandsStillIsAsOldAsItsLastMove) {
  add("x", "a", {300, 200, 100});
  EXPECT_EQ(ages("x", kNow - 9000), (std::vector<int64_t>{9000, 100, 9000, 9000}));
}

// Over series that are scraped at any time: what the server is asked is what is wanted.
TEST(SamplesQuery, SaysWhetherEachSeriesHasEnough) {
  int enough = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    promql::SeriesStore store;
    auto ago = static_cast<int64_t>(1 + random.below(20'000));
    bool range = random.below(2), all_have = true;
    int64_t oldest = 0;
    for (uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      int64_t every = static_cast<int64_t>(100 + random.below(10'000)), inside = 0, newest = 0;
      for (int64_t ms = kNow - 60'000 + static_cast<int64_t>(random.below(5'000)); ms <= kNow; ms += every)
        store.append(series(i % 2 ? "x" : "y", std::to_string(i)), ms, 1), inside += ms > kNow - ago, newest = ms;
      bool ended = i > 0 && random.below(4) == 0;
      if (ended) store.append(series(i % 2 ? "x" : "y", std::to_string(i)), kNow, promql::stale_nan());
      if (!ended) all_have = all_have && inside >= (range ? 2 : 1), oldest = std::max(oldest, kNow - newest);
    }
    Needs wanted = needs(range ? "sum(rate(x[1m])) / sum(rate(y[1m]))" : "x / y");
    auto result = promql::eval_instant(**promql::parse(samples_query(wanted, milliseconds(ago), 60s)), store, kNow);
    ASSERT_TRUE(result) << result.error().message();
    auto known = read_samples(wanted, *result);
    ASSERT_TRUE(known) << seed;
    EXPECT_EQ(known->enough, all_have) << seed << " " << samples_query(wanted, milliseconds(ago), 60s);
    EXPECT_NEAR(to_millis(known->oldest), static_cast<double>(oldest), 0.01) << seed;
    enough += known->enough;
  }
  EXPECT_GT(enough, 40);
  EXPECT_LT(enough, 360);
}

// A series of each of two targets, ended or not, over targets that are up, down or not there any more.
TEST(SamplesQuery, SaysWhatEndedWithItsTarget) {
  enum Target { kUp, kDown, kNone };
  for (int cell = 0; cell < 36; ++cell) {
    promql::SeriesStore store;
    bool alive = false, lost = false;
    for (int i = 0; i < 2; ++i) {
      int own = i == 0 ? cell % 6 : cell / 6;
      auto target = static_cast<Target>(own / 2);
      bool ended = own % 2 == 1;
      std::string instance = std::to_string(i);
      store.append(series("x", instance), kNow - 20'000, 1);
      store.append(series("up", instance), kNow - 20'000, 1);
      if (ended) store.append(series("x", instance), kNow - 10'000, promql::stale_nan());
      if (target != kUp) store.append(series("up", instance), kNow - 10'000, target == kDown ? 0 : promql::stale_nan());
      alive = alive || !ended;
      lost = lost || (ended && target != kUp);
    }
    for (const char* query : {"sum(rate(x[1m])) or vector(0)", "count(never) or sum(x) or vector(0)"}) {
      Needs wanted = needs(query);
      auto result = promql::eval_instant(**promql::parse(samples_query(wanted, 10s, 30s)), store, kNow);
      ASSERT_TRUE(result) << result.error().message();
      auto known = read_samples(wanted, *result);
      if (!known) continue;
      ASSERT_EQ(known->lost.has_value(), lost && !alive) << cell << " " << query;
      if (known->lost) {
        EXPECT_EQ(*known->lost, wanted.of.size() - 1);
      }
    }
  }
}

}  // namespace
}  // namespace ordeal::watch
