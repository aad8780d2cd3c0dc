// Small inputs that went wrong elsewhere, with the values that are right. They are in cases/ of the folder that
// ORDEAL_CONFORMANCE_DATA names; skipped where it names none.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/io/file.h"
#include "core/model/input/experiment.h"
#include "interop/argo/check/expectations.h"
#include "interop/argo/check/lint.h"
#include "interop/dashboard/grafana.h"
#include "interop/dashboard/rules.h"
#include "interop/slo/testing.h"
#include "judge/judge.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal {
namespace {

using argo::Finding;
using slo::testing::Shop;

// "" where nothing names it.
std::string folder() {
  const char* given = std::getenv("ORDEAL_CONFORMANCE_DATA");
  return given ? std::string(given) + "/cases" : "";
}

class Cases : public testing::Test {
 protected:
  void SetUp() override {
    if (folder().empty()) GTEST_SKIP() << "ORDEAL_CONFORMANCE_DATA names no folder";
    ASSERT_TRUE(std::filesystem::is_directory(folder())) << folder();
  }
  static std::string text(const std::string& name) {
    auto read = read_file(folder() + "/" + name);
    EXPECT_TRUE(read) << name;
    return read.value_or("");
  }
  static slo::Slo objective(const std::string& name) {
    auto documents = json::parse_documents(text(name));
    auto slos = documents ? slo::decode_openslo(*documents) : tl::unexpected(documents.error());
    EXPECT_TRUE(slos) << name << ": " << (slos ? "" : slos.error().message());
    return slos ? slos->at(0) : slo::Slo();
  }
  static Experiment experiment(const std::string& name) {
    auto document = json::parse_document(text(name));
    auto decoded = document ? decode_experiment(*document) : tl::unexpected(document.error());
    EXPECT_TRUE(decoded) << name << ": " << (decoded ? "" : decoded.error().message());
    return decoded.value_or(Experiment());
  }
  static std::vector<Finding> lint(const std::string& name) { return argo::lint({{name, text(name)}}); }
};

// How many of the burn-rate alerts fire at the end of the time.
size_t firing(const Shop& shop, const slo::Slo& slo, int64_t at_ms = slo::testing::kNow) {
  size_t count = 0;
  for (const dashboard::RuleGroup& group : dashboard::rules_for(std::nullopt, {slo}))
    for (const dashboard::Rule& rule : group.rules) {
      auto result = shop.evaluate(rule.expr, at_ms);
      EXPECT_TRUE(result) << rule.expr;
      count += result && !result->vector.empty();
    }
  return count;
}

TEST_F(Cases, ARatioThatIsNaNForTenMinutesHasSpentItsBudget) {
  slo::Slo slo = objective("openslo/raw-ratio-idle.yaml");
  Shop shop({"", slo::testing::but_ten, 1}, 72h);
  EXPECT_NEAR(shop.left(slo, slo.objectives[0]).value_or(1), -99, 1);
  EXPECT_EQ(firing(shop, slo), 3u);
  for (const dashboard::Panel& panel : dashboard::panels_for(std::nullopt, {slo}))
    for (const dashboard::PanelQuery& query : panel.queries) {
      if (!panel.title.starts_with("Error Budget")) continue;
      EXPECT_NEAR(shop.number(query.expr).value_or(0), 100, 1) << query.expr;
    }
}

TEST_F(Cases, AQuantileThatIsNaNHalfOfTheDayLeavesTheBudget) {
  slo::Slo slo = objective("openslo/threshold-idle.yaml");
  Shop shop({"", slo::testing::by_day, 0}, 72h);
  EXPECT_NEAR(shop.left(slo, slo.objectives[0]).value_or(0), 1, 1e-9);
  for (int64_t hours : {0, 6, 11, 13, 23})
    EXPECT_EQ(firing(shop, slo, slo::testing::kNow - hours * 60 * slo::testing::kMinute), 0u) << hours;
}

TEST_F(Cases, AQueryThatEndsInACommentBreaksNothing) {
  slo::Slo slo = objective("openslo/query-ends-in-a-comment.yaml");
  EXPECT_EQ(slo.indicator.part, "max(latency_seconds)");
  Experiment one = experiment("promql/query-ends-in-a-comment.yaml");
  for (const dashboard::RuleGroup& group : dashboard::rules_for(one, {slo}))
    for (const dashboard::Rule& rule : group.rules) EXPECT_TRUE(promql::parse(rule.expr)) << rule.expr;
  auto groups = dashboard::rules_for(one, {});
  ASSERT_GE(groups.at(0).rules.size(), 2u);
  EXPECT_EQ(groups[0].rules[0].expr,
            "(sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))) >= 0.01");
  EXPECT_EQ(groups[0].rules[1].expr, "(min(up)) <= 0");
  for (const dashboard::Panel& panel : dashboard::panels_for(one, {slo}))
    for (const dashboard::PanelQuery& query : panel.queries) EXPECT_TRUE(promql::parse(query.expr)) << query.expr;
}

TEST_F(Cases, BracesInANameAreShown) {
  Experiment one = experiment("promql/braces-in-a-name.yaml");
  auto groups = dashboard::rules_for(one, {});
  EXPECT_EQ(groups.at(0).rules.at(0).summary,
            "error rate of {{\"{{\"}} .Values.service }} in {{\"{{\"}} region }}: expected result < 0.01");
}

TEST_F(Cases, ALimitThatTheCountCannotExceedIsATrap) {
  auto findings = lint("argo/count-not-above-failure-limit.yaml");
  ASSERT_EQ(findings.size(), 1u) << findings.size();
  EXPECT_EQ(findings[0].severity, Finding::Severity::kWarning);
  EXPECT_EQ(findings[0].field, "spec.metrics[0].failureLimit");
  EXPECT_NE(findings[0].argo.find("the new version is promoted"), std::string::npos);
}

TEST_F(Cases, AStepWithModifiersIsValid) {
  auto findings = lint("argo/step-with-two-modifiers.yaml");
  EXPECT_TRUE(findings.empty()) << findings[0].what;
}

// However an author writes the condition: a look without data is no evidence for it, and no violation at once.
TEST(ArgoExpectations, AreNeitherHeldNorViolatedByNaNOrNothing) {
  using Outcome = Observation::Outcome;
  for (const char* fields : {"successCondition: 'result[0] < 0.05'", "failureCondition: 'result[0] > 0.05'",
                             "successCondition: 'result[0] < 0.05', failureCondition: 'result[0] >= 0.05 // both'",
                             "successCondition: 'len(result) == 0 || isNaN(result[0]) || result[0] < 0.05'",
                             "successCondition: 'all(result, # < 0.05)'", "successCondition: 'result[0] != 1'"}) {
    auto documents = json::parse_documents(
        "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n  - {name: "
        "m, "
        "provider: {prometheus: {address: 'http://p', query: 'sum(a) / sum(b)'}}, " +
        std::string(fields) + "}\n");
    ASSERT_TRUE(documents) << fields;
    argo::Manifest manifest;
    ASSERT_TRUE(argo::add_document(manifest, documents->at(0))) << fields;
    auto derived = argo::derive_expectations(manifest, {});
    ASSERT_TRUE(derived) << fields << derived.error().message();
    for (Outcome kind : {Outcome::kNaN, Outcome::kNoSuchSeries}) {
      auto judge = judge::Judge::create(derived->expect.at(0));
      ASSERT_TRUE(judge) << fields;
      Observation observation;
      observation.kind = kind;
      auto judgement = judge->observe(observation, BootTime(1s));
      EXPECT_FALSE(judgement.has_data || judgement.breach) << fields;
      EXPECT_NE(judgement.reading, Reading::kHolds) << fields;
      EXPECT_NE(judgement.reading, Reading::kBreached) << fields;
    }
  }
}

TEST_F(Cases, OfOtherProvidersOnlyOurOwnLimitsAreSaid) {
  auto findings = lint("argo/conditions-of-other-providers.yaml");
  EXPECT_EQ(findings.size(), 3u);
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.severity, Finding::Severity::kWarning);
    EXPECT_TRUE(finding.what.starts_with("a limit of Ordeal's, not of Argo's")) << finding.what;
    EXPECT_EQ(finding.argo, "");
  }
}

}  // namespace
}  // namespace ordeal
