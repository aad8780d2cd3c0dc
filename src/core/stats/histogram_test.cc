#include "core/stats/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace ordeal {
namespace {

TEST(Histogram, IsNaNWhileEmpty) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_TRUE(std::isnan(histogram.quantile(0.5)));
  EXPECT_TRUE(std::isnan(histogram.min()));
  EXPECT_TRUE(std::isnan(histogram.mean()));
}

TEST(Histogram, KeepsItsErrorBoundOverTwelveDecades) {
  Random random(7);
  Histogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 20001; ++i) {
    double value = std::pow(10.0, -6 + 12 * random.uniform());
    values.push_back(value);
    histogram.record(value);
  }
  std::sort(values.begin(), values.end());
  for (double q : {0.001, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999}) {
    double truth = values[static_cast<size_t>(std::ceil(q * 20001)) - 1];
    EXPECT_NEAR(histogram.quantile(q), truth, truth * Histogram::kRelativeError) << q;
  }
}

TEST(Histogram, SaysTheSameMergedAsRecordedAtOnce) {
  Random random(3);
  Histogram all, left, right;
  for (int i = 0; i < 5000; ++i) {
    double value = random.exponential(0.2);
    all.record(value);
    (i % 3 == 0 ? left : right).record(value);
  }
  left.merge(right);
  EXPECT_EQ(left.count(), all.count());
  EXPECT_NEAR(left.sum(), all.sum(), 1e-9);
  EXPECT_EQ(left.min(), all.min());
  EXPECT_EQ(left.max(), all.max());
  for (double q : {0.0, 0.5, 0.9, 0.999, 1.0}) EXPECT_EQ(left.quantile(q), all.quantile(q));
}

TEST(Histogram, MergesWithAnEmptyOneEitherWay) {
  Histogram full, empty;
  full.record(2);
  full.merge(empty);
  empty.merge(full);
  EXPECT_EQ(empty.count(), 1u);
  EXPECT_EQ(empty.min(), 2);
}

TEST(Histogram, RejectsNegativeValuesAndNaN) {
  Histogram histogram;
  histogram.record(-1);
  histogram.record(std::nan(""));
  histogram.record(1);
  EXPECT_EQ(histogram.rejected(), 2u);
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.sum(), 1);
}

TEST(Histogram, HoldsTheEndsOfItsRange) {
  Histogram histogram;
  histogram.record(0);
  histogram.record(1e-12);
  EXPECT_EQ(histogram.quantile(0.9), 0);
  histogram.clear();
  histogram.record(INFINITY);
  histogram.record(Histogram::kLeast);
  EXPECT_EQ(histogram.max(), Histogram::kMost);
  EXPECT_NEAR(histogram.quantile(0.6), Histogram::kMost, Histogram::kMost / 128);
  EXPECT_EQ(histogram.min(), Histogram::kLeast);
}

TEST(Histogram, ReturnsAWholeNumberOfIdenticalValuesExactly) {
  Histogram histogram;
  histogram.record(0.1, 1000);
  EXPECT_EQ(histogram.quantile(0.5), 0.1);
  EXPECT_EQ(histogram.count(), 1000u);
  EXPECT_NEAR(histogram.mean(), 0.1, 1e-12);
}

}  // namespace
}  // namespace ordeal
