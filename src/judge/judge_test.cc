#include "judge/judge.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ordeal::judge {
namespace {

BootTime at(double seconds) { return BootTime(from_seconds(seconds)); }

Judge judge_for(const std::string& condition, NoData no_data = NoData::kHold, Nanos lasting = Nanos(0)) {
  Expectation expectation;
  expectation.name = "e";
  expectation.condition = condition;
  expectation.no_data = no_data;
  expectation.for_ = lasting;
  return *Judge::create(expectation);
}

Observation scalar(double value) { return {Observation::Outcome::kValues, true, {{"", value}}, "", 1ms}; }
Observation vector(std::vector<std::pair<std::string, double>> values) {
  return {Observation::Outcome::kValues, false, std::move(values), "", 1ms};
}
Observation nothing(Observation::Outcome kind = Observation::Outcome::kNoSuchSeries) {
  return {kind, false, {}, "", 1ms};
}

TEST(Judge, ComparesAScalar) {
  Judge judge = judge_for("result < 0.01");
  EXPECT_EQ(judge.observe(scalar(0.002), at(0)).reading, Reading::kHolds);
  Judgement bad = judge.observe(scalar(0.02), at(1));
  EXPECT_EQ(bad.reading, Reading::kBreached);
  EXPECT_TRUE(bad.breach);
  EXPECT_EQ(bad.value, 0.02);
}

TEST(Judge, OneElementThatViolatesBreachesAndIsNamed) {
  Judge judge = judge_for("result < 1");
  Judgement bad = judge.observe(vector({{"a", 0.5}, {"b", 3}, {"c", 2}}), at(0));
  EXPECT_EQ(bad.reading, Reading::kBreached);
  EXPECT_EQ(bad.series, "b") << "the worst one";
  Judgement good = judge.observe(vector({{"a", 0.5}, {"b", 0.7}}), at(1));
  EXPECT_EQ(good.reading, Reading::kHolds);
  EXPECT_EQ(good.value, 0.7) << "the one nearest to the limit";
  EXPECT_EQ(judge_for("result > 1").observe(vector({{"a", 5}, {"b", 2}}), at(0)).value, 2);
}

TEST(Judge, NanIsNoDataForItsElementOnly) {
  Judge judge = judge_for("result < 1");
  EXPECT_EQ(judge.observe(vector({{"idle", NAN}, {"b", 0.5}}), at(0)).reading, Reading::kHolds);
  EXPECT_EQ(judge.observe(vector({{"idle", NAN}, {"b", 2}}), at(0)).reading, Reading::kBreached);
}

TEST(Judge, AConditionThatIndexesSeesTheWholeList) {
  Judge judge = judge_for("len(result) == 2 && result[1] < 1");
  EXPECT_EQ(judge.observe(vector({{"a", 5}, {"b", 0.5}}), at(0)).reading, Reading::kHolds);
}

TEST(Judge, ABreachMustLast) {
  Judge judge = judge_for("result < 1", NoData::kHold, 2s);
  EXPECT_FALSE(judge.observe(scalar(5), at(0)).breach);
  EXPECT_FALSE(judge.observe(scalar(5), at(1.9)).breach);
  EXPECT_TRUE(judge.observe(scalar(5), at(2)).breach);
  EXPECT_FALSE(judge.observe(scalar(0), at(3)).breach);
  EXPECT_FALSE(judge.observe(scalar(5), at(4)).breach) << "it starts anew";
}

TEST(Judge, HoldIsUndecidedForTenSecondsAtMost) {
  Judge judge = judge_for("result < 1");
  EXPECT_EQ(judge.observe(nothing(), at(0)).reading, Reading::kUndecided);
  EXPECT_EQ(judge.observe(nothing(Observation::Outcome::kTimedOut), at(9.9)).reading, Reading::kUndecided);
  EXPECT_TRUE(judge.observe(nothing(), at(10)).breach);
  EXPECT_EQ(judge.observe(scalar(0), at(11)).reading, Reading::kHolds);
  EXPECT_EQ(judge.observe(nothing(), at(12)).reading, Reading::kUndecided) << "data came in between";
}

TEST(Judge, WhatCannotBeComparedIsNoData) {
  Judge judge = judge_for("result[1] < 1");
  EXPECT_EQ(judge.observe(vector({{"a", 0.5}}), at(0)).reading, Reading::kUndecided);
  EXPECT_FALSE(judge.observe(vector({{"a", 0.5}}), at(9.9)).has_data);
  EXPECT_TRUE(judge.observe(vector({{"a", 0.5}}), at(10)).breach);
  EXPECT_TRUE(judge_for("result[1] < 1", NoData::kBreach).observe(vector({{"a", 0.5}}), at(0)).breach);
  Judge idle = judge_for("result < 1");
  EXPECT_EQ(idle.observe(vector({{"a", NAN}}), at(0)).reading, Reading::kUndecided);
  EXPECT_TRUE(idle.observe(vector({{"a", NAN}}), at(10)).breach);
  EXPECT_TRUE(idle.observe(vector({{"a", 0.5}}), at(11)).has_data);
}

TEST(Judge, AGaugeMustViolateAtTwoLooksInARow) {
  Expectation expectation;
  expectation.query = "circuit_breaker_state";
  expectation.condition = "result == 0";
  Judge judge = *Judge::create(expectation);
  EXPECT_FALSE(judge.observe(scalar(1), at(0)).breach);
  EXPECT_FALSE(judge.observe(scalar(0), at(1)).breach);
  EXPECT_FALSE(judge.observe(scalar(1), at(2)).breach) << "not in a row";
  EXPECT_TRUE(judge.observe(scalar(1), at(3)).breach);
  judge.reset();
  EXPECT_FALSE(judge.observe(scalar(1), at(4)).breach) << "a new phase";
  expectation.for_ = Nanos(0);
  EXPECT_TRUE(Judge::create(expectation)->observe(scalar(1), at(0)).breach) << "its own `for` counts";
  expectation.for_.reset();
  expectation.query = "sum(rate(errors[1m]))";
  EXPECT_TRUE(Judge::create(expectation)->observe(scalar(1), at(0)).breach) << "no gauge";
}

// Ten seconds without data are ten seconds, whatever the reasons are in turn.
TEST(Judge, ReasonsThatAlternateDoNotBeginAnew) {
  Observation blind = nothing();
  blind.own_lack = "no descriptor is left";
  struct Case {
    const char* what;
    int own_every;  // of the looks, each second
    NoData no_data;
    bool given_up, breach;
  };
  for (const Case& c : {Case{"never", 99, NoData::kHold, false, true}, Case{"always", 1, NoData::kHold, true, false},
                        Case{"in turn", 2, NoData::kHold, true, false}, Case{"at times", 3, NoData::kHold, true, false},
                        Case{"once, late", 10, NoData::kHold, true, false},
                        Case{"in turn, and it passes", 2, NoData::kPass, false, false}}) {
    Judge judge = judge_for("result < 1", c.no_data);
    judge.observe(scalar(0), at(0));
    Judgement last;
    for (int second = 1; second <= 11; ++second) {
      last = judge.observe(second % c.own_every == 0 ? blind : nothing(), at(second));
      EXPECT_TRUE(second == 11 || !(last.given_up || last.breach)) << c.what << " at " << second;
    }
    EXPECT_EQ(last.given_up, c.given_up) << c.what;
    EXPECT_EQ(last.breach, c.breach) << c.what;
    EXPECT_EQ(last.lack, c.given_up ? blind.own_lack : "") << c.what;
    judge.observe(scalar(0), at(12));
    for (int second = 13; second <= 23; ++second) last = judge.observe(nothing(), at(second));
    EXPECT_EQ(last.breach, c.no_data == NoData::kHold) << c.what << ": data came since";
  }
}

TEST(Judge, PassIsNoBreachAndNoProofAndBreachIsOneAtOnce) {
  EXPECT_EQ(judge_for("result < 1", NoData::kPass).observe(nothing(), at(0)).reading, Reading::kNoData);
  EXPECT_TRUE(judge_for("result < 1", NoData::kBreach).observe(nothing(), at(0)).breach);
}

}  // namespace
}  // namespace ordeal::judge
