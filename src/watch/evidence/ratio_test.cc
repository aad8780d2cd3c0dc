#include "watch/evidence/ratio.h"

#include <gtest/gtest.h>

#include "prometheus/promql/syntax/parser.h"
#include "watch/evidence/observe.h"

namespace ordeal::watch {
namespace {

using Outcome = Observation::Outcome;

Observation vector_of(double value) {
  Observation seen = one_value(value);
  seen.scalar = false;
  return seen;
}

bool is_ratio(const char* query) { return ratio_sides(**promql::parse(query)).has_value(); }

TEST(Ratio, ItsSidesAreThoseOfADivision) {
  auto query = *promql::parse("(sum(rate(bad[1m])) / sum(rate(all[1m])))");
  auto sides = ratio_sides(*query);
  ASSERT_TRUE(sides);
  EXPECT_TRUE(promql::same(*sides->numerator, **promql::parse("sum(rate(bad[1m]))")));
  EXPECT_TRUE(promql::same(*sides->denominator, **promql::parse("sum(rate(all[1m]))")));
  EXPECT_FALSE(is_ratio("rate(bad[1m]) * 2"));
}

TEST(Ratio, ADivisionByANumberIsNone) {
  EXPECT_FALSE(is_ratio("sum(rate(millis_total[1m])) / 1000"));
  EXPECT_FALSE(is_ratio("1 / sum(rate(all[1m]))"));
  EXPECT_FALSE(is_ratio("a / b > 0.5"));
}

TEST(Ratio, IsZeroOnlyWhileTrafficFlows) {
  Observation empty = trouble(Outcome::kNoSuchSeries, "bad");
  EXPECT_EQ(judge_empty_ratio(empty, empty, vector_of(12)).values.front().second, 0);
  EXPECT_EQ(judge_empty_ratio(empty, empty, vector_of(0)).kind, Outcome::kNoSuchSeries);
  EXPECT_EQ(judge_empty_ratio(empty, empty, empty).kind, Outcome::kNoSuchSeries);
}

TEST(Ratio, IsNotZeroWhileErrorsAreCountedThatMatchNothing) {
  Observation empty = trouble(Outcome::kNoSuchSeries, "empty");
  auto seen = judge_empty_ratio(empty, vector_of(3), vector_of(12));
  EXPECT_EQ(seen.kind, Outcome::kNoSuchSeries);
  EXPECT_NE(seen.error.find("none of them match"), std::string::npos) << seen.error;
}

TEST(Ratio, ASideThatCannotBeSeenLeavesItWithoutData) {
  Observation empty = trouble(Outcome::kNoSuchSeries, "empty"), late = trouble(Outcome::kTimedOut, "late");
  EXPECT_EQ(judge_empty_ratio(empty, late, vector_of(12)).kind, Outcome::kTimedOut);
  EXPECT_EQ(judge_empty_ratio(empty, empty, late).kind, Outcome::kTimedOut);
}

}  // namespace
}  // namespace ordeal::watch
