#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "interop/dashboard/grafana.h"
#include "interop/dashboard/rules.h"
#include "interop/slo/expectations.h"
#include "judge/trigger_design.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::dashboard {
namespace {

constexpr int64_t kNowMs = 1'800'000'000'000;

Experiment experiment() {
  Experiment one;
  one.name = "Slow network";
  one.target.namespace_ = "staging";
  auto add = [&](const char* name, const char* query, const char* condition) {
    Expectation expectation;
    expectation.name = name;
    expectation.query = query;
    expectation.condition = condition;
    one.expect.push_back(expectation);
  };
  add("few errors", "sum(rate(http_requests_total{status=~\"5..\"}[1m]))/sum(rate(http_requests_total[1m]))",
      "result < 0.05");
  add("p95 of all", "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[10s])))",
      "result <= 0.5");
  add("three pods", "sum(up)", "result >= 3");
  add("odd", "sum(up)", "result > 1 && result < 9");
  Expectation probe;
  probe.name = "probe";
  probe.tcp = TcpProbe{"127.0.0.1:1"};
  probe.condition = "result < 1";
  one.expect.push_back(probe);
  return one;
}

slo::Slo objective() {
  slo::Slo slo;
  slo.name = "requests succeed";
  slo.indicator = {slo::Indicator::Method::kBadOfTotal, "http_requests_total{status=~\"5..\"}", "http_requests_total"};
  slo.objectives.resize(1);
  slo.objectives[0].target = 0.99;
  return slo;
}

// Ten minutes of what a shop's services and Ordeal expose.
promql::SeriesStore fixture() {
  promql::SeriesStore store({.keep_ms = 96 * 3600 * 1000});
  auto add = [&](std::vector<promql::Labels::Pair> labels, double first, double step) {
    for (int i = 0; i <= 120; ++i) store.append(promql::Labels(labels), kNowMs + (i - 120) * 5000, first + step * i);
  };
  add({{"__name__", "http_requests_total"}, {"status", "200"}}, 0, 100);
  add({{"__name__", "http_requests_total"}, {"status", "500"}}, 0, 1);
  for (const char* le : {"0.5", "1.0", "+Inf"})
    add({{"__name__", "http_request_duration_seconds_bucket"}, {"pod", "api-1"}, {"le", le}}, 0, 50);
  add({{"__name__", "circuit_breaker_state"}, {"service", "stripe"}}, 0, 0);
  add({{"__name__", "kube_pod_status_phase"}, {"namespace", "staging"}, {"pod", "a"}, {"phase", "Running"}}, 1, 0);
  add({{"__name__", "kube_pod_status_phase"}, {"namespace", "staging"}, {"pod", "a"}, {"phase", "Pending"}}, 0, 0);
  add({{"__name__", "up"}, {"instance", "a"}}, 1, 0);
  add({{"__name__", "ordeal_run_phase"}, {"experiment", "x"}, {"phase", "during"}}, 1, 0);
  add({{"__name__", "ordeal_run_phase"}, {"experiment", "x"}, {"phase", "before"}}, 1, 0);
  add({{"__name__", "ordeal_run_phase"}, {"experiment", "x"}, {"phase", "after"}}, 1, 0);
  add({{"__name__", "ordeal_expectation_holds"}, {"expectation", "few errors"}}, 1, 0);
  add({{"__name__", "ordeal_trigger_closeness"}, {"expectation", "few errors"}}, 0.2, 0);
  add({{"__name__", "ordeal_impacts_active"}, {"attack", "latency"}}, 1, 0);
  return store;
}

std::vector<std::string> expressions(const json::Value& dashboard) {
  std::vector<std::string> all;
  for (const json::Value& panel : dashboard.at("panels").as_array())
    for (const json::Value& target : panel.at("targets").as_array()) all.emplace_back(target.at("expr").as_string());
  for (const json::Value& shade : dashboard.at("annotations").at("list").as_array())
    all.emplace_back(shade.at("expr").as_string());
  return all;
}

json::Value made() {
  return grafana_dashboard("Slow network", "ordeal-slow-network", panels_for(experiment(), {objective()}));
}

TEST(Dashboard, EveryExpressionGivesDataOnTheFixture) {
  promql::SeriesStore store = fixture();
  std::vector<std::string> texts = expressions(made());
  for (std::string& text : expressions(grafana_dashboard("a", "a", panels_for(std::nullopt, {}))))
    texts.push_back(std::move(text));
  for (const std::string& text : texts) {
    auto parsed = promql::parse(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message();
    auto result = promql::eval_instant(**parsed, store, kNowMs);
    ASSERT_TRUE(result) << text << ": " << result.error().message();
    EXPECT_FALSE(result->vector.empty()) << text;
  }
}

using Titles = std::vector<std::string>;

Titles titles_of(const std::vector<Panel>& panels) {
  Titles titles;
  for (const Panel& panel : panels) titles.push_back(panel.title);
  return titles;
}

TEST(Dashboard, ShowsWhatIsWatchedAndNothingElse) {
  EXPECT_EQ(titles_of(panels_for(experiment(), {objective()})),
            (Titles{"few errors", "p95 of all", "three pods", "Error Budget of requests succeed", "Run Phase",
                    "Expectations", "Trigger Statistic", "Impacts in Force"}))
      << "`odd` has the query of `three pods`, and a probe has none";
  json::Value dashboard = made();
  const json::Value& errors = dashboard.at("panels").as_array()[0];
  EXPECT_EQ(errors.at("fieldConfig").at("defaults").at("thresholds").at("steps").as_array()[1].at("value").as_double(),
            0.05);
  Experiment probed = experiment();
  probed.expect.erase(probed.expect.begin(), probed.expect.end() - 1);
  EXPECT_EQ(titles_of(panels_for(probed, {})), (Titles{"Run Phase", "Expectations", "Impacts in Force"}));
  probed.expect.clear();
  EXPECT_EQ(titles_of(panels_for(probed, {})), (Titles{"Run Phase", "Impacts in Force"}));
}

TEST(Dashboard, OfNothingHasTheUsualPanels) {
  EXPECT_EQ(titles_of(panels_for(std::nullopt, {})),
            (Titles{"Error Rate", "p95 Latency", "Circuit Breaker State", "Active Pods", "Run Phase", "Expectations",
                    "Trigger Statistic", "Impacts in Force"}));
  EXPECT_EQ(titles_of(panels_for(std::nullopt, {objective()})).front(), "Error Budget of requests succeed");
}

// An expectation on the query of a usual panel is drawn as that one, with its own limit.
TEST(Dashboard, DrawsWhatItKnows) {
  Experiment one;
  one.expect.resize(1);
  one.expect[0].name = "no breaker is open";
  one.expect[0].query = "circuit_breaker_state";
  one.expect[0].condition = "result < 1";
  Panel panel = panels_for(one, {}).front();
  EXPECT_EQ(panel.title, "no breaker is open");
  EXPECT_EQ(panel.kind, PanelKind::kStateTimeline);
  EXPECT_EQ(panel.mappings.size(), 3u);
}

// What a linter of dashboards asks for, and what Grafana needs to import a file.
TEST(Dashboard, IsWellFormed) {
  json::Value dashboard = made();
  EXPECT_TRUE(dashboard.at("id").is_null());
  EXPECT_FALSE(dashboard.at("editable").as_bool());
  EXPECT_EQ(dashboard.at("templating").at("list").as_array()[0].at("type").as_string(), "datasource");
  std::set<int64_t> ids;
  std::set<std::pair<int64_t, int64_t>> places;
  for (const json::Value& panel : dashboard.at("panels").as_array()) {
    EXPECT_TRUE(ids.insert(panel.at("id").as_int64()).second);
    const json::Value& place = panel.at("gridPos");
    EXPECT_TRUE(places.insert({place.at("x").as_int64(), place.at("y").as_int64()}).second);
    EXPECT_LE(place.at("x").as_int64() + place.at("w").as_int64(), 24);
    EXPECT_EQ(panel.at("datasource").at("uid").as_string(), "${datasource}");
    EXPECT_FALSE(panel.at("title").as_string().empty());
    EXPECT_FALSE(panel.at("description").as_string().empty());
    EXPECT_TRUE(panel.at("fieldConfig").at("defaults").at("thresholds").at("steps").as_array()[0].at("value").is_null())
        << "the first threshold is open to below";
    std::set<std::string> references;
    for (const json::Value& target : panel.at("targets").as_array())
      EXPECT_TRUE(references.insert(std::string(target.at("refId").as_string())).second);
    EXPECT_FALSE(references.empty());
  }
}

TEST(Objectives, AreCountedByTheFastTrigger) {
  auto design = judge::design_trigger(slo::expectations_of({objective()}).front());
  EXPECT_EQ(design.kind, judge::TriggerDesign::Signal::kCounts) << design.text;
  EXPECT_NEAR(design.counts.allowed, 0.01, 1e-12);
}

TEST(Rules, AlertOnTheOppositeOfEachLimit) {
  auto groups = rules_for(experiment(), {objective()});
  ASSERT_EQ(groups.size(), 3u);
  ASSERT_EQ(groups[0].rules.size(), 3u);
  EXPECT_EQ(groups[0].rules[0].alert, "FewErrors");
  EXPECT_TRUE(groups[0].rules[0].expr.ends_with(" >= 0.05")) << groups[0].rules[0].expr;
  EXPECT_TRUE(groups[0].rules[1].expr.ends_with(" > 0.5"));
  EXPECT_EQ(groups[0].rules[2].expr, "(sum(up)) < 3");
  slo::Slo slices = objective();
  slices.objectives[0].slice = 5min;
  EXPECT_EQ(left_out(experiment(), {slices}),
            (std::vector<std::string>{
                "no rule for \"odd\": its condition is not a comparison with a number",
                "no rule for \"probe\": it is a probe",
                "no rule for \"requests succeed\": a slice is longer than the windows of a burn rate"}));
}

TEST(Rules, GroupsHaveNamesOfTheirOwnAndScalarsBecomeVectors) {
  Experiment scalar;
  scalar.expect.resize(1);
  scalar.expect[0].name = "one";
  scalar.expect[0].query = "scalar(up)";
  scalar.expect[0].condition = "result > 0";
  auto groups = rules_for(scalar, {objective(), objective()});
  EXPECT_EQ(groups[0].rules[0].expr, "vector(scalar(up)) <= 0");
  EXPECT_EQ(groups[1].name, "error budget of requests succeed");
  EXPECT_EQ(groups[2].name, "error budget of requests succeed (2)");
}

TEST(Rules, EveryExpressionCanBeEvaluated) {
  promql::SeriesStore store = fixture();
  auto groups = rules_for(experiment(), {objective()});
  for (const RuleGroup& group : groups) {
    for (const Rule& rule : group.rules) {
      auto parsed = promql::parse(rule.expr);
      ASSERT_TRUE(parsed) << rule.expr;
      EXPECT_TRUE(promql::eval_instant(**parsed, store, kNowMs)) << rule.expr;
    }
  }
}

// 1 % of the fixture's requests fail: a budget of 99.9 % burns 10 times too fast, enough for 6 and not for 14.4.
TEST(Rules, BurnRatesFireAtTheirFactors) {
  promql::SeriesStore store = fixture();
  slo::Slo slo = objective();
  slo.objectives[0].target = 0.999;
  std::vector<bool> fires;
  auto groups = rules_for(std::nullopt, {slo});
  for (const Rule& rule : groups[0].rules)
    fires.push_back(!promql::eval_instant(**promql::parse(rule.expr), store, kNowMs)->vector.empty());
  EXPECT_EQ(fires, (std::vector<bool>{false, true, true}));
}

TEST(Rules, AreYaml) {
  std::string text = write_rules(rules_for(experiment(), {}));
  EXPECT_NE(
      text.find("      - alert: FewErrors\n        expr: \"(sum(rate(http_requests_total{status=~\\\"5..\\\"}[1m]))"),
      std::string::npos)
      << text;
}

}  // namespace
}  // namespace ordeal::dashboard
