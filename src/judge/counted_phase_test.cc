#include "judge/counted_phase.h"

#include <gtest/gtest.h>

namespace ordeal::judge {
namespace {

Counts counts(double bad, double total) { return {{{"", bad, total}}}; }

TEST(CountedPhase, SupportsWhatWasCountedWithinItAlone) {
  CountedPhase phase;
  phase.before(counts(0, 1000));
  EXPECT_FALSE(phase.supports(0.01)) << "nothing was counted within it";
  phase.add(counts(0, 1100), false);
  EXPECT_FALSE(phase.supports(0.01)) << "not every counter was read within it";
  phase.add(counts(0, 1200), true);
  EXPECT_FALSE(phase.supports(0.01)) << "one look counts nothing";
  phase.add(counts(0, 1200), true);
  EXPECT_FALSE(phase.supports(0.01)) << "no event came";
  phase.add(counts(1, 1300), true);
  EXPECT_TRUE(phase.supports(0.01)) << "1 of 100";
  phase.add(counts(3, 1400), true);
  EXPECT_FALSE(phase.supports(0.01)) << "3 of 200";
}

TEST(CountedPhase, TheWorstGroupDecides) {
  CountedPhase phase;
  auto look = [](double bad) { return Counts{{{"a", 0, 100 * bad}, {"b", bad, 100 * bad}}}; };
  phase.add(look(0), true);
  phase.add(look(2), true);
  EXPECT_TRUE(phase.supports(0.01));
  EXPECT_FALSE(phase.supports(0.005));
  EXPECT_EQ(phase.inside()->group, "b");
}

TEST(CountedPhase, ContradictsBeyondChanceOnly) {
  struct Case {
    double bad, total, dispersion;
    bool contradicts;
  };
  for (const Case& c : {Case{400, 3000, 1, true}, Case{3, 200, 1, false}, Case{5, 40, 1, true}, Case{5, 40, 3, false},
                        Case{30, 3000, 1, false}, Case{1, 1, 1, false}, Case{0, 0, 1, false}, Case{10, 10, 1, true}}) {
    CountedPhase phase;
    phase.before(counts(7, 500));
    phase.add(counts(7 + c.bad, 500 + c.total), false);
    EXPECT_EQ(phase.contradiction(0.01, c.dispersion).has_value(), c.contradicts) << c.bad << " of " << c.total;
  }
}

// The first errors ever: the series did not exist, and no rate() shows them.
TEST(CountedPhase, AGroupThatAppearsCountsFromZero) {
  CountedPhase phase;
  phase.before({});
  phase.add(counts(400, 3000), true);
  ASSERT_TRUE(phase.contradiction(0.01, 1));
  EXPECT_EQ(phase.contradiction(0.01, 1)->bad, 400);
}

TEST(CountedPhase, CountsWithATroubleAreNone) {
  CountedPhase phase;
  phase.add(counts(0, 100), true);
  Counts troubled = counts(0, 200);
  troubled.trouble = "its counters cannot be read";
  phase.add(troubled, true);
  EXPECT_FALSE(phase.supports(0.01));
}

}  // namespace
}  // namespace ordeal::judge
