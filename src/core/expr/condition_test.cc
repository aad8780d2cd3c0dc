#include "core/expr/condition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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
  EXPECT_NE(refusal("1 < (2 < 3)").find("< needs a number, not a boolean"), std::string::npos);
  EXPECT_NE(refusal("len(1) == 1").find("len() needs a list of numbers"), std::string::npos);
  EXPECT_NE(refusal("true == 1"), "parsed");
  EXPECT_NE(refusal("3[0] < 1"), "parsed");
}

TEST(Condition, SaysWhyItDoesNotFitAResult) {
  EXPECT_NE(failure("result < 1", List{0.5}).find("use result[0]"), std::string::npos);
  EXPECT_NE(failure("result[0] < 1", List{}).find("the result is empty: no data"), std::string::npos);
  EXPECT_NE(failure("result[2] < 1", List{1}).find("index 2 of a list of 1"), std::string::npos);
  EXPECT_NE(failure("result[0.5] < 1", List{1}).find("not a whole index"), std::string::npos);
  EXPECT_NE(failure("result[0-2] < 1", List{1}).find("index -2"), std::string::npos);
  EXPECT_NE(failure("result[0] < 1", 3.0).find("expected a list of numbers, got a number"), std::string::npos);
  EXPECT_NE(failure("result", 3.0).find("not true or false"), std::string::npos);
  EXPECT_NE(failure("max(result) < 1", List{}).find("no data"), std::string::npos);
}

// Without a note beside it, a row means the same in both languages.
struct Row {
  const char* text;
  Value result;
  const char* ordeal;  // true, false, or a part of the error
  const char* argo = nullptr;
};
class Language : public testing::TestWithParam<Row> {};

std::string judged(const Row& row, Dialect dialect) {
  auto condition = Condition::parse(row.text, dialect);
  if (!condition) return condition.error().message();
  auto truth = condition->holds(row.result);
  if (!truth) return truth.error().message();
  return *truth ? "true" : "false";
}

TEST_P(Language, IsEvaluated) {
  const Row& row = GetParam();
  std::string ordeal = judged(row, Dialect::kOrdeal), argo = judged(row, Dialect::kArgo);
  EXPECT_NE(ordeal.find(row.ordeal), std::string::npos) << row.text << "\n" << ordeal;
  EXPECT_NE(argo.find(row.argo ? row.argo : row.ordeal), std::string::npos) << row.text << "\n" << argo;
}

const double kNaN = std::nan("");
INSTANTIATE_TEST_SUITE_P(
    EveryRow, Language,
    testing::Values(  //
        Row{"all(result, # < 3) and any(result, # > 1)", List{1, 2}, "true"},
        Row{"all(result, {# < 2})", List{1, 2}, "false"}, Row{"all(result, # < 3)", List{}, "true"},
        Row{"any(result, # < 3)", List{}, "false"},
        Row{"none(result, # > 2) && one(result, # > 1)", List{1, 2}, "true"},
        Row{"count(result, # > 1) == 1", List{1, 2}, "true"},
        Row{"len(filter(result, # > 1)) == 1", List{1, 2}, "true"},
        Row{"map(result, # * 2)[1] == 4", List{1, 2}, "true"}, Row{"sum(map(result, # * 2)) == 6", List{1, 2}, "true"},
        Row{"sum(result, # * 2) == 6", List{1, 2}, "true"}, Row{"find(result, # > 1) == 2", List{1, 2}, "true"},
        Row{"find(result, # > 5) == nil", List{1, 2}, "true"}, Row{"findIndex(result, # > 1) == 1", List{1, 2}, "true"},
        Row{"all(result, any(result, # > 1))", List{1, 2}, "true"},
        Row{"mean(result) == 2 and median(result) == 2 and sum(result) == 6", List{1, 2, 3}, "true"},
        Row{"first(result) == 3 && last(result) == 1 && sort(result)[0] == 1", List{3, 1}, "true"},
        Row{"2 in result", List{1, 2}, "true"}, Row{"result in [1, 2]", 2.0, "true"},
        Row{"result not in [1, 2]", 2.0, "false"}, Row{"not (result in 1..3)", 2.5, "true"},
        Row{"result in 1..3", 3.0, "true"}, Row{"result == [3, 1]", List{3, 1}, "true"},
        Row{"len(result) > 0 ? result[0] < 1 : true", List{}, "true"},
        Row{"len(result) > 0 ? result[0] < 1 : true", List{2}, "false"},
        Row{"result > 1 ? result < 5 : result > 0 ? true : false", 0.5, "true"}, Row{"0 < result <= 1", 1.0, "true"},
        Row{"0 < result <= 1 < 1", 1.0, "false"}, Row{"2 ** 3 == 8 && -2 ** 2 == -4 && 2 ^ 3 ^ 0 == 2", 0.0, "true"},
        Row{"1 / 2 == 0.5 && 0x10 == 16 && 1_000 == 1e3 && .5 == 0.5", 0.0, "true"},
        Row{"result[-1] == 2", List{1, 2}, "true"}, Row{"result[-3] == 2", List{1, 2}, "index -3 of a list of 2"},
        Row{"ceil(result) == 3 and floor(result) == 2 and round(result) == 3", 2.5, "true"},
        Row{"asInt(result) == 2 && asFloat(2) == 2.0 && int(result) == 2", 2.7, "true"},
        Row{"asInt(\"12\") == 12 && asFloat('1.5') == 1.5", 0.0, "true"},
        Row{"asInt(\"1.1\") == 1", 0.0, "column 1: asInt(): \"1.1\" is not a whole number"},
        Row{"asFloat(\"x\") == 1", 0.0, "column 1: asFloat(): \"x\" is not a number"},
        Row{"asFloat(\"1.1\") == \"1.1\"", 0.0, "== needs a number, not a text"},
        Row{"\"a\" + 'b' == `ab` && \"b\" > \"a\"", 0.0, "true"},
        Row{"\"a\\n\" == 'a\\n' && `a\\n` != 'a\\n'", 0.0, "true"},
        Row{"result == \"a\"", 0.0, "cannot compare a number with a text", "== needs a number, not a text"},
        Row{"result != nil && result[0] == 2", List{2}, "true"}, Row{"result == nil", 2.0, "false"},
        Row{"duration(\"1h\") > duration(\"59m\") && duration(\"1m\") * 2 == duration(\"2m\")", 0.0, "true"},
        Row{"date(\"2023-08-14\") - duration(\"1h\") < date(\"2023-08-14 00:00:00\")", 0.0, "true"},
        Row{"date(\"2023-08-14T02:00:00+02:00\") == date(\"2023-08-14\")", 0.0, "true"},
        Row{"date(\"x\") == date(\"y\")", 0.0, "date(): \"x\" is not a date"},
        Row{"duration(\"x\") == duration(\"y\")", 0.0, "\"x\" is not a duration"},
        Row{"now() > now()", 0.0, "no clock"}, Row{"result > 1 // a comment", 2.0, "true"},
        Row{"result /* a comment */ > 1", 2.0, "true"}, Row{"isNaN(result) || result < 1", kNaN, "true"},
        Row{"isInf(result)", INFINITY, "true"}, Row{"5 % 0 == 0", 0.0, "column 3: division by zero"},
        Row{"asInt(result) % 2 == 0", 4.0, "true"}, Row{"1 + \"a\" == 2", 0.0, "+ needs a number, not a text"},
        // where the languages differ
        Row{"default(result[0], 7) == 7", List{}, "true", "the result is empty: no data"},
        Row{"default(result, 7) == 7", List{}, "true", "false"},
        Row{"default(result[0], 0) < 1", List{0.5}, "true", "< does not take a list of numbers"},
        Row{"default(result, 0) < 1", 0.5, "true"}, Row{"isNil(result)", List{}, "true", "false"},
        Row{"len(result) == 0 || result < 1", List{}, "true", "< needs a number, not a list of numbers (use result[0]"},
        Row{"7.5 % 2 == 1.5", 0.0, "true", "% needs a whole number, not a number"},
        Row{"result[1.0] == 2", List{1, 2}, "true", "an index needs a whole number, not a number"},
        Row{"isNaN(max(result))", List{1, kNaN}, "true", "false"}, Row{"isNaN(max(result))", List{kNaN, 1}, "true"},
        Row{"max(result) == 1", List{}, "max() of an empty list: no data", "false"}));

TEST(Condition, UnwrapsAListOfOneElementWhereItIsAsked) {
  auto says = [](const char* text, const Value& result) {
    auto truth = Condition::parse(text, Dialect::kArgo)->holds(result, {.unwrap_single = true});
    return truth ? (*truth ? "true" : "false") : truth.error().message();
  };
  EXPECT_EQ(says("result < 1", List{0.5}), "true");
  EXPECT_EQ(says("result < 1", 0.5), "true");
  EXPECT_EQ(says("len(result) == 1 && result < 1", List{2}), "false") << "only where a number is wanted";
  EXPECT_EQ(says("default(result, 0) < 1", List{0.5}), "true");
  EXPECT_EQ(says("result[0] < 1", List{0.5}), "true");
  EXPECT_NE(says("result < 1", List{}).find("not a list of numbers"), std::string::npos);
  EXPECT_NE(says("result < 1", List{1, 2}).find("not a list of numbers"), std::string::npos);
}

TEST(Condition, GivesAnInstant) {
  Nanos now = 1'692'000'000s;
  EXPECT_EQ(*evaluate_time("now() - duration(\"5m\")", now), now - 5min);
  EXPECT_EQ(*evaluate_time("date(\"2023-08-14 00:00:00\", \"2006-01-02 15:04:05\", \"UTC\") - duration(\"1h\")", now),
            1'691'967'600s);
  for (const char* text :
       {"hello", "now() -- ?", "result", "1", "date(\"9999-01-01\")", "date(\"2023-01-01T00:00:00.1e99Z\")"})
    EXPECT_FALSE(evaluate_time(text, now)) << text;
}

TEST(Condition, LimitsDepthLengthAndSteps) {
  EXPECT_NE(refusal(std::string(200, '(') + "1" + std::string(200, ')')).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(100, '!') + "true").find("levels deep"), std::string::npos);
  std::string chain = "1";
  for (int i = 0; i < 1000; ++i) chain += "+1";
  EXPECT_NE(refusal(chain + " > 0").find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(5000, ' ')).find("at most 4096 bytes"), std::string::npos);
  EXPECT_NE(failure("len(result) == 1", List(200'000, 1.0)).find("steps"), std::string::npos);
  EXPECT_NE(failure("len(1..1000000) == 1", 0.0).find("steps"), std::string::npos);
  EXPECT_NE(failure("all(result, all(result, all(result, # > 0)))", List(100, 1.0)).find("steps"), std::string::npos);
  std::string choices, powers = "1", chained = "1";
  for (int i = 0; i < 800; ++i) choices += "true?", powers += "**1";
  for (int i = 0; i < 20; ++i) chained = "0<(" + chained + ")<2?1:1";
  std::string lists = "1";
  for (int i = 0; i < 40; ++i) lists = "0 in [" + lists + " ? 1 : 2, 0]";
  EXPECT_NE(refusal(lists).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(choices).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(powers + " > 0").find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(chained).find("more than 10000 parts"), std::string::npos) << refusal(chained);
}

// Each part is looked at once, however deep it stands.
TEST(Condition, IsCheckedInATimeThatGrowsWithItsText) {
  std::string nested = "0 in [1, 0]";
  for (int i = 0; i < 20; ++i) nested = "0 in [" + nested + " ? 1 : 2, 0]";
  std::string defaults = "result";
  for (int i = 0; i < 60; ++i) defaults = "default(" + defaults + ", 1)";
  BootTime begin = boot_now();
  for (Dialect dialect : {Dialect::kOrdeal, Dialect::kArgo}) {
    EXPECT_TRUE(Condition::parse(nested, dialect));
    EXPECT_TRUE(Condition::parse(defaults + " == 0", dialect));
  }
  EXPECT_TRUE(*Condition::parse(nested, Dialect::kArgo)->holds(Value(0.5)));
  EXPECT_LT(boot_now() - begin, 1s);
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
