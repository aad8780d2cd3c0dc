#include "prometheus/promql/syntax/parser.h"

#include <gtest/gtest.h>

#include <cmath>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::promql {
namespace {

// The tree, told by its printed form with every operator in parentheses.
std::string shape(const Expr& expr) {
  if (const auto* binary = std::get_if<Binary>(&expr.node)) {
    return "(" + shape(*binary->left) + " " + std::string(symbol(binary->op)) + " " + shape(*binary->right) + ")";
  }
  if (const auto* unary = std::get_if<Unary>(&expr.node)) return "(-" + shape(*unary->expr) + ")";
  return print(expr);
}

std::string shape(std::string_view query) {
  auto expr = parse(query);
  return expr ? shape(**expr) : expr.error().what;
}

std::string printed(std::string_view query) {
  auto expr = parse(query);
  return expr ? print(**expr) : expr.error().what;
}

std::string refusal(std::string_view query) {
  auto expr = parse(query);
  return expr ? "parsed as " + print(**expr) : expr.error().what;
}

double number(std::string_view query) {
  auto expr = parse(query);
  EXPECT_TRUE(expr) << query;
  return std::get<NumberLiteral>((*expr)->node).value;
}

TEST(Parser, KnowsPrecedenceAndAssociativity) {
  EXPECT_EQ(shape("-1 ^ 2"), "(-(1 ^ 2))");
  EXPECT_EQ(shape("a ^ b ^ c"), "(a ^ (b ^ c))");
  EXPECT_EQ(shape("2 ^ -1 * 3"), "((2 ^ -1) * 3)");
  EXPECT_EQ(shape("-a * b"), "((-a) * b)");
  EXPECT_EQ(shape("a - b - c"), "((a - b) - c)");
  EXPECT_EQ(shape("a + b * c % d"), "(a + ((b * c) % d))");
  EXPECT_EQ(shape("a or b and c unless d"), "(a or ((b and c) unless d))");
  EXPECT_EQ(shape("a + b > c * d and e == f"), "(((a + b) > (c * d)) and (e == f))");
  EXPECT_EQ(shape("a atan2 b + c"), "((a atan2 b) + c)");
  EXPECT_EQ(shape("-a offset 5m"), "(-a offset 5m)");
}

TEST(Parser, ReadsEveryFormOfNumber) {
  EXPECT_EQ(number("1_000_000"), 1e6);
  EXPECT_EQ(number(".5e-1"), 0.05);
  EXPECT_EQ(number("0x1F"), 31);
  EXPECT_EQ(number("0755"), 493);
  EXPECT_EQ(number("089"), 89);
  EXPECT_EQ(number("1e3"), 1000);
  EXPECT_EQ(number("-Inf"), -INFINITY);
  EXPECT_EQ(number("+iNf"), INFINITY);
  EXPECT_TRUE(std::isnan(number("NaN")));
  EXPECT_EQ(number("1h30m"), 5400);
  EXPECT_EQ(number("--2"), 2);
}

TEST(Parser, ReadsEveryFormOfString) {
  EXPECT_EQ(printed(R"("a\tb\x41\u00e9\101\"")"), R"("a\tbAéA\"")");
  EXPECT_EQ(printed("'it\\'s \"x\"'"), R"("it's \"x\"")");
  EXPECT_EQ(printed("`raw\\n`"), R"("raw\\n")");
  EXPECT_NE(refusal(R"("\q")").find("column 1: \"\\q\" is not an escape sequence"), std::string::npos);
  EXPECT_NE(refusal("'open").find("column 1: a quoted string does not end"), std::string::npos);
  EXPECT_NE(refusal(R"("\ud800")").find("not an escape"), std::string::npos);
}

TEST(Parser, ReadsSelectorsOfEveryForm) {
  EXPECT_EQ(printed("foo"), "foo");
  EXPECT_EQ(printed("job:foo:rate5m{a=\"b\", c!='d', e=~`f.*`, g!~\"h\",}"),
            R"(job:foo:rate5m{a="b", c!="d", e=~"f.*", g!~"h"})");
  EXPECT_EQ(printed("{__name__=\"foo\"}"), R"({__name__="foo"})");
  EXPECT_EQ(printed(R"({"my.metric", "label.x"="v", by="1"})"), R"({"my.metric", "label.x"="v", by="1"})");
  EXPECT_EQ(printed(R"({"plain", a="b"})"), R"(plain{a="b"})");
  EXPECT_EQ(printed("sum"), "sum");
  EXPECT_EQ(printed("offset{a='b'} offset 5m"), R"(offset{a="b"} offset 5m)");
  EXPECT_EQ(printed("foo[60]"), "foo[1m]");
  EXPECT_EQ(printed("foo[1h30m] @ 12.5 offset -90s"), "foo[1h30m] @ 12.500 offset -1m30s");
  EXPECT_EQ(printed("foo offset 1w @ end()"), "foo @ end() offset 1w");
  EXPECT_EQ(printed("rate(foo[5m])[1h:30s] offset 1d"), "rate(foo[5m])[1h:30s] offset 1d");
  EXPECT_EQ(printed("foo[1h:]"), "foo[1h:]");
  EXPECT_EQ(printed("foo # comment\n{a=\"b\"} # more"), R"(foo{a="b"})");
}

TEST(Parser, ReadsAggregationsAndMatching) {
  EXPECT_EQ(printed("SUM BY (a, b,) (foo)"), "sum by (a, b) (foo)");
  EXPECT_EQ(printed("sum(foo) without (\"x.y\", on)"), R"(sum without ("x.y", on) (foo))");
  EXPECT_EQ(printed("sum without () (foo)"), "sum without () (foo)");
  EXPECT_EQ(printed("topk by (a) (3, foo)"), "topk by (a) (3, foo)");
  EXPECT_EQ(printed("count_values(\"v\", foo)"), R"(count_values("v", foo))");
  EXPECT_EQ(printed("a / on (x) group_left (y) b"), "a / on (x) group_left (y) b");
  EXPECT_EQ(printed("a == bool ignoring(x) group_right b"), "a == bool ignoring (x) group_right () b");
  EXPECT_EQ(printed("a and on() b"), "a and on () b");
}

TEST(Parser, PointsAtTheColumnWithWhatItExpectedAndFound) {
  EXPECT_EQ(refusal("sum(rate(x[1m])"), "column 16: expected ',' or ')' after an argument, found the end of the query");
  EXPECT_EQ(refusal("foo bar"), "column 5: expected an operator or the end of the query, found \"bar\"");
  EXPECT_EQ(refusal("foo{a}"), "column 6: expected one of = != =~ !~, found \"}\"");
  EXPECT_EQ(refusal("foo{a=b}"), "column 7: expected a quoted value, found \"b\"");
  EXPECT_EQ(refusal("foo +"), "column 6: expected an expression, found the end of the query");
  EXPECT_EQ(refusal("foo\n  + )"), "line 2, column 5: expected an expression, found \")\"");
  EXPECT_EQ(refusal("foo[1.5h]"), "column 5: \"1.5h\" is neither a number nor a duration such as 1h30m");
  EXPECT_EQ(refusal("foo[30m1h]"), "column 5: \"30m1h\" is neither a number nor a duration such as 1h30m");
  EXPECT_EQ(refusal("foo[0s]"), "column 5: the duration must be greater than 0");
  EXPECT_EQ(refusal("foo ; bar"), "column 5: unexpected character ';'");
  EXPECT_EQ(refusal("nosuch(foo)"), "column 1: there is no function nosuch()");
  EXPECT_EQ(refusal("foo{a=~\"(\"}").substr(0, 10), "column 8: ");
  EXPECT_EQ(refusal(""), "column 1: the query is empty");
}

struct Refused {
  const char* query;
  const char* because;
};

TEST(Parser, ChecksTypesAndSelectors) {
  constexpr Refused kRefused[] = {
      {"rate(foo)", "expected type range vector in the call of rate(), found instant vector"},
      {"foo[5m] + 1", "operator + needs a scalar or an instant vector, found a range vector"},
      {"1 > 2", "a comparison between scalars needs bool"},
      {"1 and foo", "and needs two instant vectors"},
      {"foo + bool bar", "bool goes with a comparison only"},
      {"1 + on(a) foo", "on and ignoring need two instant vectors"},
      {"a and on(x) group_left b", "no group_left or group_right with and"},
      {"a + on(x) group_left(x) b", "must not be in on()"},
      {"-foo[5m]", "a sign needs"},
      {"sum(1)", "expected type instant vector in the aggregation sum, found scalar"},
      {"topk(foo)", "topk takes 2 arguments, found 1"},
      {"topk(\"a\", foo)", "expected type scalar in the parameter of the aggregation topk"},
      {"count_values(1, foo)", "expected type string"},
      {"abs()", "abs() takes 1 argument, found 0"},
      {"round(foo, 1, 2)", "round() takes at most 2 arguments, found 3"},
      {"label_join(foo, \"a\")", "label_join() takes at least 3"},
      {"{}", "at least one matcher that does not match the empty string"},
      {"{a=~\".*\"}", "at least one matcher"},
      {"foo{__name__=\"bar\"}", "the metric's name is set twice: \"foo\" and \"bar\""},
      {"{\"foo\", \"bar\"}", "set twice"},
      {"foo offset 1m offset 2m", "offset is given twice"},
      {"foo @ 1 @ 2", "@ is given twice"},
      {"foo offset 1m [5m]", "offset and @ come after the range"},
      {"(foo)[5m]", "a range goes with a selector only"},
      {"foo[5m:1m][5m:1m]", "expected type instant vector in a subquery"},
      {"(foo) offset 5m", "offset goes after a selector or a subquery only"},
      {"foo @ bar", "expected a time in seconds"},
      {"foo @ Inf", "out of range"},
      {"foo[1000000y]", "neither a number nor a duration"},
      {"on", "expected an expression"},
      {"foo{a:b=\"c\"}", "a:b is not a label name"},
  };
  for (const Refused& refused : kRefused) {
    EXPECT_NE(refusal(refused.query).find(refused.because), std::string::npos)
        << refused.query << ": " << refusal(refused.query);
  }
}

TEST(Parser, RefusesExperimentalThingsByName) {
  for (const auto& [query, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {"limitk(2, foo)", "limitk"},
           {"limit_ratio by (a) (0.5, foo)", "limit_ratio"},
           {"info(foo)", "info()"},
           {"histogram_avg(foo)", "histogram_avg() needs native histograms"},
           {"mad_over_time(foo[5m])", "mad_over_time()"},
           {"rate(foo[5m] anchored)", "anchored"},
           {"foo smoothed", "smoothed"},
           {"a + on(x) fill(0) b", "fill"},
           {"a + fill_left(0) b", "fill_left"},
           {"foo </ 2", "trim operator"},
       }) {
    auto expr = parse(query);
    ASSERT_FALSE(expr) << query;
    EXPECT_EQ(expr.error().code, Errc::kUnsupported) << query;
    EXPECT_NE(expr.error().what.find(name), std::string::npos) << expr.error().what;
  }
}

TEST(Parser, ComputesDurations) {
  for (const auto& [query, printed] : std::initializer_list<std::pair<const char*, const char*>>{
           {"foo[5m*2]", "foo[10m]"},
           {"foo[2 ^ 3]", "foo[8s]"},
           {"foo[-5m + 35m]", "foo[30m]"},
           {"foo offset -(2 ^ 2)", "foo offset -4s"},
           {"foo offset 2 + 1", "foo offset 2s + 1"},
           {"foo[step() * 2:10s]", "foo[(step() * 2):10s]"},
           {"foo offset -min_of(range(), 8s)", "foo offset -min_of(range(), 8)"},
           // As Prometheus 3.16 has it: a parenthesis after offset begins a computation, a sign or a number ends it.
           {"foo offset (1m) * 100", "foo offset 1h40m"},
           {"foo offset (1m) + 30 > 5", "foo offset 1m30s > 5"},
           {"foo offset (2) ^ 3 - -1m", "foo offset 1m8s"},
           {"foo offset (-1m) / 2", "foo offset -30s"},
           {"foo offset ((1m)) % 50", "foo offset 10s"},
           {"foo offset -(1m) * 100", "foo offset -1m * 100"},
           {"foo offset +(1m) * 100", "foo offset 1m * 100"},
           {"foo offset step() * 2", "foo offset step() * 2"},
           {"foo offset (step()) * 2", "foo offset +(step() * 2)"},
           {"foo offset +(step() * 2) * 100", "foo offset +(step() * 2) * 100"},
           {"foo offset -(step() * 2) * 100", "foo offset -(step() * 2) * 100"},
           {"foo offset -(-step()) * 100", "foo offset -(-step()) * 100"},
           {"foo offset (-step())", "foo offset -step()"},
           {"foo offset +(+step()) * 3", "foo offset +(+step()) * 3"},
           {"foo[5m:1m] offset (1m) * 2 @ 7", "foo[5m:1m] @ 7.000 offset 2m"},
       }) {
    auto expr = parse(query);
    ASSERT_TRUE(expr) << query << ": " << expr.error().what;
    EXPECT_EQ(print(**expr), printed);
    auto again = parse(printed);
    ASSERT_TRUE(again) << printed;
    EXPECT_TRUE(same(**expr, **again)) << printed;
  }
  EXPECT_NE(refusal("foo offset (step()) * 2 * 1e15").find("out of range"), std::string::npos);
  EXPECT_NE(refusal("foo offset (1m) + bar").find("expected a duration"), std::string::npos);
  EXPECT_NE(refusal("foo[5m - 5m]").find("greater than 0"), std::string::npos);
  EXPECT_NE(refusal("foo[5m / 0]").find("divided by zero"), std::string::npos);
  EXPECT_NE(refusal("foo[" + std::string(5000, '(')).find("levels deep"), std::string::npos);
}

TEST(Parser, BoundsDepthAndLength) {
  EXPECT_NE(refusal(std::string(5000, '(')).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(5000, '-') + "1").find("levels deep"), std::string::npos);
  std::string chain = "1", powers = "1";
  for (int i = 0; i < 200; ++i) {
    chain += " + 1";
    powers += " ^ 1";
  }
  EXPECT_NE(refusal(chain).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(powers).find("levels deep"), std::string::npos);
  EXPECT_NE(refusal(std::string(70'000, ' ')).find("at most 65536 bytes"), std::string::npos);
}

TEST(Printer, PrintsTextThatParsesBackToTheSameTree) {
  for (const char* query : {
           "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
           "histogram_quantile(0.95, sum by (le) (rate(h_bucket[1m]))) > 0.5",
           "-(-1) ^ -2 + +foo - NaN * -Inf",
           "foo ^ inf ^ bar",
           "{\"on\"} + {\"nan\"} + {\"a.b\", __name__!=\"c\"}",
           "a unless on (x) b or ignoring () c",
           "quantile without (a) (0.5, -(foo offset -5m)) @ 5",
           "foo[5m:10s] @ start() offset 1h",
           "vector(0.1) == bool vector(1e300) or vector(1e-7)",
           "\"\\u0001\\x00\"",
           "a * on (x) group_left (y, \"z z\") b % c",
           "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")",
       }) {
    auto first = parse(query);
    if (!first) continue;
    std::string text = print(**first);
    auto again = parse(text);
    ASSERT_TRUE(again) << query << " -> " << text << ": " << again.error().what;
    EXPECT_TRUE(same(**first, **again)) << query << " -> " << text;
    EXPECT_EQ(print(**again), text);
  }
}

TEST(Printer, TellsDifferentTreesApart) {
  EXPECT_FALSE(same(**parse("a + b"), **parse("a - b")));
  EXPECT_FALSE(same(**parse("a"), **parse("(a)")));
  EXPECT_FALSE(same(**parse("a[5m]"), **parse("a[5m] offset 1s")));
  EXPECT_FALSE(same(**parse("sum by (x) (a)"), **parse("sum without (x) (a)")));
  EXPECT_TRUE(same(**parse("sum(a) by (x)"), **parse("SUM BY(x)(a)")));
}

TEST(Durations, AreReadAndWritten) {
  EXPECT_EQ(parse_promql_duration("1y2w3d4h5m6s7ms"), 31536000000 + 2 * 604800000LL + 3 * 86400000LL + 14706007);
  for (const char* wrong : {"1", "5m5m", "1s1m", "m", "-1m", "1 m", "1.5m", "5mm", "99999999999999999999s"}) {
    EXPECT_EQ(parse_promql_duration(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(promql_duration_text(5400000), "1h30m");
  EXPECT_EQ(promql_duration_text(-1500), "-1s500ms");
  EXPECT_EQ(promql_duration_text(0), "0s");
}

}  // namespace
}  // namespace ordeal::promql
