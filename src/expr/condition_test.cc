#include "expr/condition.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ordeal::expr {
namespace {

std::string outcome(std::string_view text, const Value& result) {
  auto condition = Condition::parse(text);
  if (!condition) return condition.error().message();
  auto holds = condition->holds(result);
  return holds ? (*holds ? "true" : "false") : holds.error().message();
}
std::string outcome(std::string_view text, double result) { return outcome(text, Value(result)); }

TEST(Condition, ComparesAndCombines) {
  EXPECT_EQ(outcome("result < 0.01", 0.002), "true");
  EXPECT_EQ(outcome("result < 0.01", 0.01), "false");
  EXPECT_EQ(outcome("result >= 1 && result <= 3 || result == 7", 7), "true");
  EXPECT_EQ(outcome("not (result > 1) and !false", 0), "true");
  EXPECT_EQ(outcome("1 + 2 * 3 - -result == 8", 1), "true");
  EXPECT_EQ(outcome("10 - 4 - 3 == result", 3), "true") << "left to right";
  EXPECT_EQ(outcome("result % 4 / 2 == 1.5", 7), "true");
}

TEST(Condition, ListsAreIndexedAndMeasured) {
  Value list(std::vector<double>{3, 1});
  EXPECT_EQ(outcome("result[1] == 1 && len(result) == 2 && max(result) == 3 && min(result, 0) == 0", list), "true");
  EXPECT_EQ(outcome("result[2] == 1", list), "column 1: there is no element 2 in a result of 2");
  EXPECT_EQ(outcome("result < 1", list), "column 1: expected a number, found a list");
  EXPECT_EQ(outcome("len(result) == 0 || result[0] < 1", Value(std::vector<double>{})), "true");
}

TEST(Condition, NanIsFalseEverywhereButInIsNan) {
  EXPECT_EQ(outcome("result < 1 || result >= 1 || result == result", std::nan("")), "false");
  EXPECT_EQ(outcome("isNaN(result)", std::nan("")), "true");
  EXPECT_EQ(outcome("isInf(result) && result > 1", INFINITY), "true");
}

TEST(Condition, ErrorsNameTheColumn) {
  EXPECT_EQ(outcome("result <", 1), "column 9: expected a number, result, a function or (, found the end");
  EXPECT_EQ(outcome("result < 1 1", 1), "column 12: expected an operator or the end, found \"1\"");
  EXPECT_EQ(outcome("resul < 1", 1).substr(0, 32), "column 1: unknown name \"resul\"; ");
  EXPECT_EQ(outcome("abs(1, 2) > 1", 1), "column 1: abs takes 1 argument, found 2");
  EXPECT_EQ(outcome("result", 1), "column 1: expected true or false, found a number");
  EXPECT_EQ(outcome(std::string(60, '(') + "1", 1).substr(0, 10), "column 51:");
}

TEST(Condition, KnowsWhetherEachElementIsMeant) {
  EXPECT_TRUE(Condition::parse("result < 1")->uses_bare_result());
  EXPECT_FALSE(Condition::parse("result[0] < 1 && len(result) > 0")->uses_bare_result());
}

TEST(Condition, AThresholdCanBeDrawn) {
  auto threshold = Condition::parse("result <= 0.5")->threshold();
  ASSERT_TRUE(threshold);
  EXPECT_EQ(threshold->op, "<=");
  EXPECT_EQ(threshold->value, 0.5);
  EXPECT_FALSE(Condition::parse("result < 1 && result > 0")->threshold());
}

}  // namespace
}  // namespace ordeal::expr
