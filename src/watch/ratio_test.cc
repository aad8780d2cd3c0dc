#include "watch/ratio.h"

#include <gtest/gtest.h>

#include "promql/parser.h"
#include "watch/observe.h"

namespace ordeal::watch {
namespace {

TEST(Ratio, TheDenominatorIsTheRightSideOfADivision) {
  auto query = *promql::parse("(sum(rate(bad[1m])) / sum(rate(all[1m])))");
  const promql::Expr* denominator = denominator_of(*query);
  ASSERT_NE(denominator, nullptr);
  EXPECT_TRUE(promql::same(*denominator, **promql::parse("sum(rate(all[1m]))")));
  EXPECT_EQ(denominator_of(**promql::parse("rate(bad[1m]) * 2")), nullptr);
}

TEST(Ratio, IsZeroOnlyWhileTrafficFlows) {
  Observation empty = trouble(Observation::Kind::kNoSuchSeries, "bad");
  EXPECT_EQ(judge_empty_ratio(empty, one_value(12)).values.front().second, 0);
  EXPECT_EQ(judge_empty_ratio(empty, one_value(0)).kind, Observation::Kind::kNoSuchSeries);
  EXPECT_EQ(judge_empty_ratio(empty, empty).kind, Observation::Kind::kNoSuchSeries);
}

}  // namespace
}  // namespace ordeal::watch
