#include "expr/condition.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ordeal::expr {
namespace {

const Value kNone = 0.0;

bool holds(std::string_view text, const Value& result = kNone) {
  auto condition = Condition::parse(text);
  EXPECT_TRUE(condition) << condition.error().message();
  auto truth = condition->holds(result);
  EXPECT_TRUE(truth) << (truth ? "" : truth.error().message());
  return truth && *truth;
}

std::string refusal(std::string_view text) {
  auto condition = Condition::parse(text);
  return condition ? "parsed" : condition.error().message();
}

std::string failure(std::string_view text, const Value& result) {
  auto truth = Condition::parse(text)->holds(result);
  return truth ? "judged" : truth.error().message();
}

TEST(Condition, AnOperatorAtTheEndIsAnError) {
  for (const char* text : {"result <", "result +", "!", "result ==", "1 <"}) {
    auto parsed = Condition::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::kInvalidInput) << text;
  }
}

TEST(Condition, ComparesTheResult) {
  EXPECT_TRUE(holds("result < 0.01", 0.005));
  EXPECT_FALSE(holds("result < 0.01", 0.01));
  EXPECT_TRUE(holds("result >= 1e-2", 0.01));
  EXPECT_TRUE(holds("result != 2 && result == 1", 1.0));
  EXPECT_TRUE(holds("1 <= result and result <= 3", 3.0));
  EXPECT_TRUE(holds("result", true));
}

TEST(Condition, KnowsPrecedence) {
  EXPECT_TRUE(holds("1 + 2 * 3 == 7"));
  EXPECT_TRUE(holds("(1 + 2) * 3 == 9"));
  EXPECT_TRUE(holds("10 - 4 - 3 == 3"));
  EXPECT_TRUE(holds("-2 * -3 == 6"));
  EXPECT_TRUE(holds("7 % 4 == 3"));
  EXPECT_TRUE(holds("true || false && false"));
  EXPECT_TRUE(holds("not false and true"));
  EXPECT_FALSE(holds("!(1 < 2) or 3 < 2"));
}

TEST(Condition, IndexesLists) {
  EXPECT_TRUE(holds("result[0] < 1 && result[1] > 1", List{0.5, 2}));
  EXPECT_TRUE(holds("result[len(result) - 1] == 3", List{1, 2, 3}));
  EXPECT_TRUE(holds("len(result) == 0 || result[0] < 1", List{}));
}

TEST(Condition, CallsFunctions) {
  EXPECT_TRUE(holds("max(result) == 3 && min(result) == 1", List{2, 3, 1}));
  EXPECT_TRUE(holds("max(1, 5, 2) == 5 and abs(-2) == 2"));
  EXPECT_TRUE(holds("isNaN(result)", std::nan("")));
  EXPECT_TRUE(holds("isInf(result) && result > 0", INFINITY));
  EXPECT_TRUE(holds("isNaN(max(result))", List{1, std::nan("")}));
  EXPECT_TRUE(holds("default(result[0], 7) == 7", List{}));
  EXPECT_TRUE(holds("default(result[0], 7) == 1", List{1}));
  EXPECT_TRUE(holds("default(result, 7) == 7", List{}));
}

TEST(Condition, TreatsNaNAsInIeee754) {
  EXPECT_FALSE(holds("result < 1", std::nan("")));
  EXPECT_FALSE(holds("result >= 1", std::nan("")));
  EXPECT_TRUE(holds("result != result", std::nan("")));
  EXPECT_TRUE(holds("isInf(1 / result)", 0.0));
}

TEST(Condition, PointsAtTheColumnOfAMistake) {
  EXPECT_NE(refusal("result < ").find("column 10: expected a value, found the end"), std::string::npos);
  EXPECT_NE(refusal("result = 1").find("column 8: unexpected '=' (equality is ==)"), std::string::npos);
  EXPECT_NE(refusal("result < 1 2").find("column 12: expected an operator or the end, found \"2\""), std::string::npos);
  EXPECT_NE(refusal("reslt < 1").find("column 1: unknown name \"reslt\""), std::string::npos);
  EXPECT_NE(refusal("max() < 1").find("takes 1 to 16 arguments, not 0"), std::string::npos);
  EXPECT_NE(refusal("1.2.3 < 1").find("column 1: \"1.2.3\" is not a number"), std::string::npos);
  EXPECT_NE(refusal("(result < 1").find("column 12: expected ')'"), std::string::npos);
  EXPECT_NE(refusal("").find("column 1: expected a value"), std::string::npos);
  EXPECT_NE(refusal("-").find("column 2: expected a value, found the end"), std::string::npos);
  EXPECT_NE(refusal("result <").find("column 9: expected a value, found the end"), std::string::npos);
}

TEST(Condition, RefusesWrongTypesWhenItIsRead) {
  EXPECT_NE(refusal("1 + true < 2").find("+ needs a number, not a boolean"), std::string::npos);
  EXPECT_NE(refusal("result + 1").find("must be true or false"), std::string::npos);
  EXPECT_NE(refusal("1 < 2 < 3").find("< needs a number, not a boolean"), std::string::npos);
  EXPECT_NE(refusal("len(1) == 1").find("len() needs a list of numbers"), std::string::npos);
  EXPECT_NE(refusal("true == 1"), "parsed");
  EXPECT_NE(refusal("3[0] < 1"), "parsed");
}

TEST(Condition, SaysWhyItDoesNotFitAResult) {
  EXPECT_NE(failure("result < 1", List{0.5}).find("use result[0]"), std::string::npos);
  EXPECT_NE(failure("result[0] < 1", List{}).find("the result is empty: no data"), std::string::npos);
  EXPECT_NE(failure("result[2] < 1", List{1}).find("index 2 of a list of 1"), std::string::npos);
  EXPECT_NE(failure("result[0.5] < 1", List{1}).find("not a whole index"), std::string::npos);
  EXPECT_NE(failure("result[0-1] < 1", List{1}).find("index -1"), std::string::npos);
  EXPECT_NE(failure("result[0] < 1", 3.0).find("expected a list of numbers, got a number"), std::string::npos);
  EXPECT_NE(failure("result", 3.0).find("not true or false"), std::string::npos);
  EXPECT_NE(failure("max(result) < 1", List{}).find("no data"), std::string::npos);
}

TEST(Condition, LimitsDepthLengthAndSteps) {
  EXPECT_NE(refusal(std::string(200, '(') + "1" + std::string(200, ')')).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(100, '!') + "true").find("levels deep"), std::string::npos);
  std::string chain = "1";
  for (int i = 0; i < 1000; ++i) chain += "+1";
  EXPECT_NE(refusal(chain + " > 0").find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(5000, ' ')).find("at most 4096 bytes"), std::string::npos);
  EXPECT_NE(failure("len(result) == 1", List(200'000, 1.0)).find("steps"), std::string::npos);
}

TEST(Condition, KnowsWhetherTheResultStandsBare) {
  EXPECT_TRUE(Condition::parse("result < 1")->uses_bare_result());
  EXPECT_TRUE(Condition::parse("isNaN(result) || true")->uses_bare_result());
  EXPECT_TRUE(Condition::parse("len(result) == 0 || result < 1")->uses_bare_result());
  EXPECT_FALSE(Condition::parse("result[0] < 1")->uses_bare_result());
  EXPECT_FALSE(Condition::parse("len(result) == 0 || result[0] < 1")->uses_bare_result());
  EXPECT_FALSE(Condition::parse("max(result) < default(result, 1)")->uses_bare_result());
}

TEST(Condition, TellsTheThresholdOfASimpleShape) {
  EXPECT_EQ(Condition::parse("result < 0.01")->threshold(), (Threshold{Comparison::kLess, 0.01}));
  EXPECT_EQ(Condition::parse("(-5 <= result[0])")->threshold(), (Threshold{Comparison::kGreaterEqual, -5}));
  EXPECT_EQ(Condition::parse("result < 1 && result > 0")->threshold(), std::nullopt);
  EXPECT_EQ(Condition::parse("result < result")->threshold(), std::nullopt);
  EXPECT_EQ(symbol(Comparison::kGreaterEqual), ">=");
}

}  // namespace
}  // namespace ordeal::expr
