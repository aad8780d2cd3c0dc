#include "interop/dashboard/escape.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "core/base/text/text.h"
#include "core/json/yaml.h"
#include "interop/dashboard/grafana.h"
#include "interop/dashboard/rules.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::dashboard {
namespace {

// What Go's text/template makes of a text whose only actions are quoted strings; "" where it finds another action.
std::string shown(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text.compare(i, 2, "{{") != 0) {
      out += text[i++];
      continue;
    }
    if (text.compare(i, 8, "{{\"{{\"}}") != 0) return "";
    out += "{{";
    i += 8;
  }
  return out;
}

TEST(InTemplate, ShowsBracesAsTheyAre) {
  for (const char* text : {"plain", "{{ .Values.service }} in {{ region }}", "{{{", "{{{{", "{ {", "}}",
                           "a {{- b -}} c", "{{/* x */}}", "{{\"{{\"}}", "{", "$labels {{$labels}}"})
    EXPECT_EQ(shown(in_template(text)), text);
  EXPECT_EQ(in_template("a {{ b }}"), "a {{\"{{\"}} b }}");
}

std::string read_back(const std::string& scalar) {
  auto document = json::parse_yaml("a: " + scalar);
  return document ? std::string(document->value.at("a").as_string()) : document.error().message();
}

TEST(InYaml, IsOneLineThatReadsBack) {
  for (const std::string& text :
       {std::string("plain"), std::string("a\nb\r\n\tc"), std::string("\"quoted\" \\ 'x'"), std::string("\x01\x1f\x7f"),
        std::string("nel \xC2\x85 and \xE2\x80\xA8 line"), std::string("\xEF\xBB\xBF mark \xEF\xBF\xBE"),
        std::string("caf\xC3\xA9 \xF0\x9F\x98\x80"), std::string("# no comment: - [x] {y} & * ! | > % @ `")}) {
    std::string scalar = in_yaml(text);
    EXPECT_EQ(scalar.find('\n'), std::string::npos);
    EXPECT_EQ(read_back(scalar), text) << scalar;
  }
  EXPECT_EQ(in_yaml("a\x7f\xC2\x85\xE2\x80\xA8"), R"("a\u007f\u0085\u2028")");
  EXPECT_EQ(read_back(in_yaml("bad \xff byte \xC3")), "bad \xEF\xBF\xBD byte \xEF\xBF\xBD");
}

// Grafana's own expression (packages/grafana-data, variableRegex), which has no escape.
bool has_variable(const std::string& text) {
  static const std::regex kVariable(R"(\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^\}]+))?(?::([^\}]+))?\})");
  return std::regex_search(text, kVariable);
}

TEST(InGrafana, NothingIsAVariable) {
  for (const char* text : {"$datasource", "${datasource}", "[[datasource]]", "${__from:date}", "a$b$$c", "[[[a]]]",
                           "$1", "costs 5 $", "x[0][1]", "5..$"}) {
    std::string title = in_grafana_text(text);
    EXPECT_FALSE(has_variable(title)) << title;
    std::string query = promql::print(**promql::parse(fmt::format("a{{b={}}}", promql::quoted(text))));
    std::string sent = in_grafana_query(query);
    EXPECT_FALSE(has_variable(sent)) << sent;
    auto parsed = promql::parse(sent);
    ASSERT_TRUE(parsed) << sent;
    EXPECT_EQ(promql::print(**parsed), query) << "it means the same";
  }
  EXPECT_EQ(in_grafana_text("plain 5 $"), "plain 5 $");
}

// ---- Random names and queries ----

constexpr std::string_view kPieces[] = {
    "{{", "}}", " .Values.x ", "\"",        "'",  "\n",  "\\",           "$datasource",
    "%",  "#",  "`",           "[[a]]",     "${", "}",   "caf\xC3\xA9",  "-- ",
    ": ", "{",  "\t",          "${__from}", "a",  "b c", "\xE2\x80\xA8", "\x7f"};
constexpr std::string_view kQueries[] = {
    "sum(rate(http_requests_total{{status=~{0}}}[1m])) / sum(rate(http_requests_total[1m]))", "max(up{{a={0}}})",
    "histogram_quantile(0.9, sum by (le) (rate(x_bucket{{r!={0}}}[5m])))", "-up{{a!~{0}}} ^ 2", "1 + time()"};
constexpr std::string_view kComments[] = {"", " # last", " # with \"quotes' and }} {{", "\n# below\n", " #"};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  size_t below(size_t count) { return engine_() % count; }
  std::string text() {
    std::string out;
    for (size_t i = 0, count = 1 + below(6); i < count; ++i) out += kPieces[below(std::size(kPieces))];
    return out;
  }
  std::string query() {
    // Any text may stand in a matcher once it is no regular expression of its own.
    std::string value = promql::quoted(std::regex_replace(text(), std::regex(R"([\\^$.|?*+()\[\]{}])"), R"(\$&)"));
    std::string query = fmt::format(fmt::runtime(kQueries[below(std::size(kQueries))]), value);
    std::string first = below(2) == 0 ? "# first: sum(\n" : "";
    return first + query + std::string(kComments[below(std::size(kComments))]);
  }

 private:
  std::mt19937 engine_;
};

Experiment random_experiment(Random& random) {
  constexpr const char* kConditions[] = {"result < 0.05", "result >= 3", "result == 1", "result != 0"};
  Experiment experiment;
  experiment.name = random.text();
  experiment.expect.resize(3);
  for (Expectation& expectation : experiment.expect) {
    expectation.name = random.text();
    expectation.query = random.query();
    expectation.condition = kConditions[random.below(4)];
  }
  return experiment;
}

std::vector<slo::Slo> random_objectives(Random& random) {
  slo::Slo slo;
  slo.name = random.text();
  slo.indicator = {slo::Indicator::Method::kThreshold, random.query(), ""};
  slo.objectives.resize(1);
  slo.objectives[0].name = random.text();
  slo.objectives[0].target = 0.99;
  slo.objectives[0].op = "<=";
  return {slo};
}

// Whether the author's query stands in the expression, as a whole.
bool contains(const promql::Expr& whole, const promql::Expr& part) {
  if (promql::same(promql::inner(whole), promql::inner(part))) return true;
  for (const promql::Expr* child : promql::children(whole))
    if (contains(*child, part)) return true;
  return false;
}

void expect_holds(const std::string& expr, const std::string& query) {
  auto whole = promql::parse(expr), part = promql::parse(query);
  ASSERT_TRUE(part) << query;
  ASSERT_TRUE(whole) << expr << ": " << whole.error().message();
  bool has_zeros = expr.find(" or 0 * ") != std::string::npos;
  EXPECT_TRUE(has_zeros || contains(**whole, **part)) << expr << "\nis not made of\n" << query;
}

TEST(RandomNames, ShowAsTheyAreInRulesAndTheirQueriesMeanTheSame) {
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    Experiment experiment = random_experiment(random);
    auto groups = rules_for(experiment, random_objectives(random));
    std::string text = write_rules(groups);
    auto document = json::parse_yaml(text);
    ASSERT_TRUE(document) << text << document.error().message();
    const json::Array& rules = document->value.at("groups").at(0).at("rules").as_array();
    ASSERT_EQ(rules.size(), experiment.expect.size());
    for (size_t rule = 0; rule < rules.size(); ++rule) {
      const Expectation& expectation = experiment.expect[rule];
      expect_holds(std::string(rules[rule].at("expr").as_string()), expectation.query);
      EXPECT_EQ(shown(std::string(rules[rule].at("annotations").at("summary").as_string())),
                expectation.name + ": expected " + expectation.condition);
    }
  }
}

TEST(RandomNames, HoldNoVariablesInDashboardsAndTheirQueriesMeanTheSame) {
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    Experiment experiment = random_experiment(random);
    std::vector<slo::Slo> slos = random_objectives(random);
    json::Value dashboard = grafana_dashboard("a", "a", panels_for(experiment, slos));
    std::string read = json::write(dashboard);
    ASSERT_TRUE(json::parse(read));
    for (const json::Value& panel : dashboard.at("panels").as_array()) {
      EXPECT_FALSE(has_variable(std::string(panel.at("title").as_string())));
      EXPECT_FALSE(has_variable(std::string(panel.at("description").as_string())));
      for (const json::Value& target : panel.at("targets").as_array()) {
        std::string expr(target.at("expr").as_string());
        EXPECT_FALSE(has_variable(expr)) << expr;
        EXPECT_TRUE(promql::parse(expr)) << expr;
        if (panel.at("title").as_string().starts_with("Error Budget")) expect_holds(expr, slos[0].indicator.part);
      }
    }
  }
}

}  // namespace
}  // namespace ordeal::dashboard
