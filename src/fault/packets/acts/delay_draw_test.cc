#include "fault/packets/acts/delay_draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ordeal::packets {
namespace {

std::vector<double> millis_of(DelayShape shape, int count = 200'000) {
  Random random(7);
  DelayDraw draw(std::move(shape));
  std::vector<double> all;
  for (int i = 0; i < count; ++i) all.push_back(to_millis(draw.next(random)));
  return all;
}

struct Moments {
  double mean = 0, deviation = 0, neighbours = 0;
};
Moments moments_of(const std::vector<double>& all) {
  Moments m;
  for (double one : all) m.mean += one / double(all.size());
  for (double one : all) m.deviation += (one - m.mean) * (one - m.mean) / double(all.size());
  for (size_t i = 1; i < all.size(); ++i)
    m.neighbours += (all[i] - m.mean) * (all[i - 1] - m.mean) / double(all.size());
  m.neighbours /= m.deviation;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

double share_below(const std::vector<double>& all, double limit) {
  return double(std::count_if(all.begin(), all.end(), [&](double one) { return one <= limit; })) / double(all.size());
}

TEST(DelayDraw, EachDistributionHasItsMeanAndWidth) {
  DelayShape shape{.delay = 100ms, .jitter = 10ms};
  EXPECT_NEAR(moments_of(millis_of(shape)).deviation, 10 / std::sqrt(3), 0.05);
  shape.kind = JitterKind::kNormal;
  EXPECT_NEAR(moments_of(millis_of(shape)).deviation, 10, 0.1);
  for (JitterKind kind : {JitterKind::kUniform, JitterKind::kNormal, JitterKind::kPareto, JitterKind::kParetoNormal}) {
    shape.kind = kind;
    std::vector<double> drawn = millis_of(shape);
    EXPECT_NEAR(moments_of(drawn).mean, 100, 0.4);
    EXPECT_NEAR(share_below(drawn, to_millis(shape.median())), 0.5, 0.01);
  }
}

// P(X > x) of shape 3 falls as the third power; the least is (1 - 1.5) / sqrt(0.75) deviations below the mean.
TEST(DelayDraw, ParetoHasItsTailAndItsEnd) {
  auto drawn = millis_of({.delay = 100ms, .jitter = 10ms, .kind = JitterKind::kPareto});
  EXPECT_NEAR(*std::min_element(drawn.begin(), drawn.end()), 94.23, 0.01);
  EXPECT_NEAR(*std::max_element(drawn.begin(), drawn.end()), 140, 0.01);
  double twice_the_least = 100 + 10 * (2 - 1.5) / std::sqrt(0.75);
  EXPECT_NEAR(1 - share_below(drawn, twice_the_least), 1.0 / 8, 0.004);
}

TEST(DelayDraw, CorrelationLinksNeighboursAndChangesNothingElse) {
  for (JitterKind kind : {JitterKind::kUniform, JitterKind::kNormal, JitterKind::kPareto}) {
    DelayShape shape{.delay = 100ms, .jitter = 10ms, .kind = kind};
    Moments alone = moments_of(millis_of(shape));
    shape.correlation = 0.8;
    Moments linked = moments_of(millis_of(shape));
    EXPECT_NEAR(alone.neighbours, 0, 0.01);
    EXPECT_GT(linked.neighbours, 0.65);
    EXPECT_LT(linked.neighbours, 0.82);
    EXPECT_NEAR(linked.mean, alone.mean, 0.4);
    EXPECT_NEAR(linked.deviation, alone.deviation, 0.4);
  }
}

TEST(DelayDraw, RecordedDelaysComeAsOftenAsTheyWereRecorded) {
  auto recorded = std::make_shared<std::vector<Nanos>>(std::vector<Nanos>{1ms, 1ms, 5ms, 200ms});
  DelayShape shape{.recorded = recorded};
  EXPECT_TRUE(shape.varies());
  EXPECT_EQ(shape.mean(), 51750us);
  EXPECT_EQ(shape.median(), 5ms);
  for (double correlation : {0.0, 0.7}) {
    shape.correlation = correlation;
    auto drawn = millis_of(shape);
    EXPECT_NEAR(share_below(drawn, 1), 0.5, 0.01);
    EXPECT_NEAR(share_below(drawn, 5), 0.75, 0.01);
    EXPECT_NEAR(moments_of(drawn).deviation, to_millis(shape.deviation()), 1);
  }
}

TEST(DelayDraw, ItIsNeverBelowZero) {
  for (JitterKind kind : {JitterKind::kNormal, JitterKind::kPareto, JitterKind::kParetoNormal}) {
    auto drawn = millis_of({.delay = 1ms, .jitter = 10ms, .kind = kind}, 10'000);
    EXPECT_GE(*std::min_element(drawn.begin(), drawn.end()), 0);
  }
}

}  // namespace
}  // namespace ordeal::packets
