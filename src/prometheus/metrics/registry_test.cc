#include "prometheus/metrics/registry.h"

#include <gtest/gtest.h>

#include <thread>

#include "prometheus/metrics/exposition.h"

namespace ordeal::metrics {
namespace {

TEST(Registry, WritesItsMetricsAsText) {
  Registry registry;
  registry.counter("b_total", "Back\\slash.", {{"code", "a\"b"}}).add(2);
  registry.gauge("a", "").set(-0.5);
  auto& histogram = registry.histogram("h", "Times.", {0.1, 1}, {{"route", "/"}});
  histogram.observe(0.05);
  histogram.observe(0.1);
  histogram.observe(7);
  EXPECT_EQ(
      registry.exposition(),
      "# TYPE a gauge\na -0.5\n"
      "# HELP b_total Back\\\\slash.\n# TYPE b_total counter\nb_total{code=\"a\\\"b\"} 2\n"
      "# HELP h Times.\n# TYPE h histogram\n"
      "h_bucket{le=\"0.1\",route=\"/\"} 2\nh_bucket{le=\"1\",route=\"/\"} 2\nh_bucket{le=\"+Inf\",route=\"/\"} 3\n"
      "h_sum{route=\"/\"} 7.15\nh_count{route=\"/\"} 3\n");
}

TEST(Registry, GivesTheSameMetricForTheSameLabelsInAnyOrder) {
  Registry registry;
  Counter& counter = registry.counter("c", "", {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(&registry.counter("c", "", {{"b", "2"}, {"a", "1"}}), &counter);
  EXPECT_NE(&registry.counter("c", "", {{"b", "2"}}), &counter);
}

TEST(Registry, NeverLetsACounterFall) {
  Registry registry;
  Counter& counter = registry.counter("c", "");
  counter.add(3);
  counter.add(-1);
  counter.add(0.5);
  EXPECT_EQ(counter.value(), 3.5);
}

TEST(Registry, LosesNoCountBetweenThreads) {
  Registry registry;
  auto work = [&registry] {
    for (int i = 0; i < 5000; ++i) {
      registry.counter("c", "").add();
      registry.gauge("g", "").add(i % 2 ? 1 : -1);
      registry.histogram("h", "", {1}).observe(2);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(registry.counter("c", "").value(), 10000);
  EXPECT_EQ(registry.gauge("g", "").value(), 0);
  EXPECT_EQ(registry.histogram("h", "", {1}).cumulative(), (std::vector<uint64_t>{0, 10000}));
  EXPECT_EQ(registry.histogram("h", "", {1}).sum(), 20000);
}

TEST(Registry, IsReadByItsOwnParser) {
  Registry registry;
  registry.histogram("h", "", {1, 2.5}).observe(1);
  auto read = parse_exposition(registry.exposition(), Format::kText);
  EXPECT_EQ(read.bad_lines, 0u);
  ASSERT_EQ(read.samples.size(), 5u);
  EXPECT_EQ(read.samples[0].labels, (LabelPairs{{"__name__", "h_bucket"}, {"le", "1.0"}}));
  EXPECT_EQ(read.types.at("h"), Type::kHistogram);
}

TEST(RegistryDeathTest, AbortsWhenANameIsUsedForTwoTypes) {
  Registry registry;
  registry.counter("c", "");
  EXPECT_DEATH(registry.gauge("c", ""), "");
}

}  // namespace
}  // namespace ordeal::metrics
