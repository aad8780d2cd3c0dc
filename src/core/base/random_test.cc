#include "core/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace ordeal {
namespace {

TEST(Random, TheSameSeedGivesTheSameNumbers) {
  Random a(42), b(42), c(43);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
}

TEST(Random, BelowStaysBelowAndReachesEverything) {
  Random random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 6u);
}

TEST(Random, MomentsAreRight) {
  Random random(2);
  double sum = 0, square = 0, exponential = 0;
  constexpr int kN = 20000;
  for (int i = 0; i < kN; ++i) {
    double x = random.normal();
    sum += x;
    square += x * x;
    exponential += random.exponential(3);
  }
  EXPECT_NEAR(sum / kN, 0, 0.03);
  EXPECT_NEAR(square / kN, 1, 0.05);
  EXPECT_NEAR(exponential / kN, 3, 0.1);
}

TEST(Random, ShuffleKeepsTheItems) {
  std::array<int, 5> items{1, 2, 3, 4, 5};
  Random(3).shuffle(std::span<int>(items));
  EXPECT_EQ(std::set<int>(items.begin(), items.end()).size(), 5u);
}

}  // namespace
}  // namespace ordeal
