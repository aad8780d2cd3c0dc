// Files as other people write them, in the forms that are found in public repositories, books and other tools' manuals:
// each is understood, or refused with the one thing to change.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "interop/slo/budget.h"
#include "interop/slo/openslo.h"
#include "interop/slo/testing.h"

namespace ordeal::slo {
namespace {

constexpr const char* kHead =
    "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: checkout, displayName: Checkout works}\nspec:\n"
    "  service: shop\n";
constexpr const char* kTail =
    "  timeWindow: [{duration: 28d, isRolling: true}]\n  budgetingMethod: Occurrences\n"
    "  objectives: [{displayName: most, target: 0.99}]\n";

std::string source(const std::string& query) {
  return fmt::format("{{metricSource: {{type: Prometheus, spec: {{query: '{}'}}}}}}", query);
}

// An SLO of one ratio, whose fields are given.
std::string ratio(const std::string& fields, const std::string& tail = kTail) {
  return fmt::format("{}  indicator:\n    metadata: {{name: i}}\n    spec:\n      ratioMetric: {{{}}}\n{}", kHead,
                     fields, tail);
}

std::string good_of_total(const std::string& good, const std::string& total, const std::string& more = "") {
  return ratio(fmt::format("{}good: {}, total: {}", more, source(good), source(total)));
}

const std::string kRates =
    good_of_total(R"(sum(rate(http_requests_total{code!~"5.."}[5m])))", "sum(rate(http_requests_total[5m]))");

struct Form {
  const char* name;
  std::string text;
  std::string part, total;  // what is read; "" for a file that is refused
  std::string note;         // "" for none
  std::string refused, change;
};

const std::vector<Form>& forms() {
  static const std::vector<Form> kForms{
      {"rates of counters, without `counter`", kRates, R"(sum(http_requests_total{code!~"5.."}))",
       "sum(http_requests_total)",
       R"(spec.indicator.spec.ratioMetric.good: sum(rate(http_requests_total{code!~"5.."}[5m])) is read as the counter )"
       R"(sum(http_requests_total{code!~"5.."}), of which each window of the budget is taken)",
       "", ""},
      {"rates with counter: true, summed by a label",
       good_of_total(R"(sum by (service) (rate(grpc_handled_total{grpc_code="OK"}[1m])))",
                     "sum by (service) (rate(grpc_handled_total[1m]))", "counter: true, "),
       R"(sum(grpc_handled_total{grpc_code="OK"}))", "sum(grpc_handled_total)", "is read as the counter", "", ""},
      {"rates that are said to be gauges", good_of_total("rate(a_total[5m])", "rate(b_total[5m])", "counter: false, "),
       "sum(a_total)", "sum(b_total)", "rate(a_total[5m]) is read as the counter sum(a_total)", "", ""},
      {"increases over the window", good_of_total("sum(increase(a_total[28d]))", "sum(increase(b_total[28d]))"),
       "sum(a_total)", "sum(b_total)", "sum(increase(a_total[4w])) is read as", "", ""},
      {"a fast bucket of a histogram",
       good_of_total(R"(sum(rate(req_seconds_bucket{le="0.3"}[5m])))", "sum(rate(req_seconds_count[5m]))"),
       R"(sum(req_seconds_bucket{le="0.3"}))", "sum(req_seconds_count)", "is read as the counter", "", ""},
      {"a window that another tool fills in",
       good_of_total("sum(rate(a_total[{{.window}}]))", "sum(rate(b_total[{{.window}}]))"), "sum(a_total)",
       "sum(b_total)", "the window that another tool fills in is taken as 5m", "", ""},
      {"plain counters", good_of_total(R"(a_total{code=~"2.."})", "a_total", "counter: true, "),
       R"(a_total{code=~"2.."})", "a_total", "", "", ""},
      {"bad events, and a reference to a data source",
       ratio("counter: true, bad: {metricSource: {metricSourceRef: thanos, spec: {query: sum(errors_total)}}}, total: "
             "{metricSource: {metricSourceRef: thanos, spec: {query: sum(all_total)}}}"),
       "sum(errors_total)", "sum(all_total)", "", "", ""},
      {"promql instead of query",
       ratio("counter: true, good: {metricSource: {type: prometheus, spec: {promql: a_total}}}, total: "
             "{metricSource: {type: prometheus, spec: {promql: b_total}}}"),
       "a_total", "b_total", "", "", ""},
      {"a ratio that is computed already",
       ratio("raw: " + source("sum(rate(a_total[5m])) / sum(rate(b_total[5m]))") + ", rawType: success"),
       "sum(rate(a_total[5m])) / sum(rate(b_total[5m]))", "", "", "", ""},
      {"a latency that is compared",
       fmt::format("{}  indicator: {{metadata: {{name: i}}, spec: {{thresholdMetric: {}}}}}\n"
                   "  timeWindow: [{{duration: 2w, isRolling: true}}]\n  budgetingMethod: Occurrences\n"
                   "  objectives: [{{op: lt, value: 0.5, target: 0.99}}]\n  alertPolicies:\n",
                   kHead, source("histogram_quantile(0.95, sum by (le) (rate(req_seconds_bucket[5m])))")),
       "histogram_quantile(0.95, sum by (le) (rate(req_seconds_bucket[5m])))", "", "", "", ""},
      {"a list of objects, with an SLI of its own",
       "- apiVersion: openslo/v1\n  kind: Service\n  metadata: {name: shop}\n  spec: {description: sells}\n"
       "- apiVersion: openslo/v1\n  kind: SLI\n  metadata: {name: errors}\n  spec: {ratioMetric: {bad: " +
           source("sum(rate(errors_total[5m]))") + ", total: " + source("sum(rate(all_total[5m]))") +
           "}}\n"
           "- apiVersion: openslo/v1\n  kind: SLO\n  metadata: {name: errors, annotations: {team: a}}\n  spec:\n"
           "    service: shop\n    indicatorRef: errors\n    timeWindow: [{duration: 1M, isRolling: true}]\n"
           "    budgetingMethod: Occurrences\n    objectives: [{targetPercent: 99.5}]\n",
       "sum(errors_total)", "sum(all_total)", "is read as the counter", "", ""},
      {"the apiVersion of openslo.com", "apiVersion: openslo.com/v1\n" + kRates.substr(kRates.find("kind:")), "", "",
       "", "line 1: apiVersion: expected openslo/v1, found \"openslo.com/v1\"", "write apiVersion: openslo/v1"},
      {"the first version",
       "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: {name: a}\nspec: {service: s, budgetingMethod: Occurrences, "
       "objectives: [{ratioMetrics: {good: {source: prometheus, queryType: promql, query: a}}, target: 0.9}]}\n",
       "", "", "", "expected openslo/v1, found \"openslo/v1alpha\"", "write apiVersion: openslo/v1"},
      {"a rate of gauges", good_of_total("rate(a_total[5m])", "in_flight", "counter: false, "), "", "", "",
       "counter: numbers that go up and down cannot be added up", "name counters, with counter: true"},
      {"a gauge of a rate", good_of_total("in_flight", "rate(b_total[5m])", "counter: false, "), "", "", "",
       "counter: numbers that go up and down cannot be added up", "name counters, with counter: true"},
      {"a rate of something unsaid", good_of_total("rate(a_total[5m])", "b_total"), "", "", "",
       "\"counter\" is missing", "write counter: true beside total:"},
      {"a rate of a counter", good_of_total("rate(a_total[5m])", "b_total", "counter: true, "), "sum(a_total)",
       "b_total", "is read as the counter", "", ""},
      {"counters without `counter`", good_of_total("a_total", "b_total"), "", "", "", "\"counter\" is missing",
       "write counter: true beside total:"},
      {"a total less what failed", good_of_total("sum(rate(b[5m])) - sum(rate(bad[5m]))", "sum(rate(b[5m]))"), "", "",
       "", "ratioMetric.good.metricSource: expected a counter, found", "give what is subtracted as bad:"},
      {"no budgeting method",
       ratio("good: " + source("rate(a[5m])") + ", total: " + source("rate(b[5m])"),
             "  timeWindow: [{duration: 28d, isRolling: true}]\n  objectives: [{target: 0.9}]\n"),
       "", "", "", "spec: \"budgetingMethod\" is missing", "write budgetingMethod: Occurrences"},
      {"the window below an objective",
       ratio("good: " + source("rate(a[5m])") + ", total: " + source("rate(b[5m])"),
             "  budgetingMethod: Occurrences\n  objectives: [{target: 0.9, timeWindow: [{duration: 30d}]}]\n"),
       "", "", "", "spec.objectives[0].timeWindow: is not read here", "write timeWindow: below spec"},
      {"a target in percent",
       ratio("good: " + source("rate(a[5m])") + ", total: " + source("rate(b[5m])"),
             "  budgetingMethod: Occurrences\n  objectives: [{target: 99.9}]\n"),
       "", "", "", "spec.objectives[0].target: expected a number from 0 to 1, found 99.9",
       "a target in percent is written as targetPercent:"},
      {"the average of slices",
       ratio("good: " + source("rate(a[5m])") + ", total: " + source("rate(b[5m])"),
             "  budgetingMethod: RatioTimeslices\n  objectives: [{target: 0.99, timeSliceWindow: 1m}]\n"),
       "", "", "", "spec.budgetingMethod: expected one of Occurrences, Timeslices",
       "count events with Occurrences, or slices of time with Timeslices"},
      {"a calendar of another time zone",
       ratio("good: " + source("rate(a[5m])") + ", total: " + source("rate(b[5m])"),
             "  timeWindow: [{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, timeZone: Europe/Warsaw}}]\n"
             "  budgetingMethod: Occurrences\n  objectives: [{target: 0.99}]\n"),
       "", "", "", "timeZone: expected UTC", "write timeZone: UTC"},
      {"another vendor's metric",
       ratio("counter: true, good: {metricSource: {type: Datadog, spec: {query: \"sum:a{*}.as_count()\"}}}, total: " +
             source("b")),
       "", "", "", "metricSource.type: expected Prometheus", "give the metric as PromQL"},
      {"an indicator in another file", std::string(kHead) + "  indicatorRef: errors\n" + kTail, "", "", "",
       "there is no SLI named \"errors\" in this file", "put the SLI into the same file"},
  };
  return kForms;
}

Result<std::vector<Slo>> decode_form(const std::string& text) {
  return decode_openslo(TRY(json::parse_documents(text)));
}

TEST(PublicForms, AreUnderstoodOrRefusedWithTheOneThingToChange) {
  EXPECT_GE(forms().size(), 20u);
  for (const Form& form : forms()) {
    SCOPED_TRACE(form.name);
    auto slos = decode_form(form.text);
    ASSERT_EQ(slos.has_value(), form.refused.empty()) << (slos ? "understood" : slos.error().message());
    if (!slos) {
      EXPECT_NE(slos.error().message().find(form.refused), std::string::npos) << slos.error().message();
      EXPECT_NE(slos.error().advice().find(form.change), std::string::npos) << slos.error().advice();
      continue;
    }
    const Indicator& indicator = slos->front().indicator;
    EXPECT_EQ(indicator.part, form.part);
    EXPECT_EQ(indicator.total, form.total);
    std::vector<std::string> notes = notes_of(*slos);
    EXPECT_EQ(notes.empty(), form.note.empty());
    if (!notes.empty()) {
      EXPECT_NE(notes.front().find(form.note), std::string::npos) << notes.front();
    }
    for (const Objective& objective : slos->front().objectives)
      EXPECT_TRUE(promql::parse(queries_of(slos->front(), objective, 1h).bad)) << "a query that can be asked";
  }
}

// The same budget as of the counters themselves.
TEST(PublicForms, RatesCostWhatTheirCountersCost) {
  testing::Shop shop({"", testing::always, 0.004});
  auto rates =
      decode_form(good_of_total(R"(sum(rate(requests_total{code="200"}[5m])))", "sum(rate(requests_total[5m]))"));
  auto counters = decode_form(good_of_total(R"(requests_total{code="200"})", "requests_total", "counter: true, "));
  ASSERT_TRUE(rates && counters);
  auto left = shop.left(rates->front(), rates->front().objectives[0]);
  ASSERT_TRUE(left);
  EXPECT_NEAR(*left, 0.6, 0.01);
  EXPECT_EQ(left, shop.left(counters->front(), counters->front().objectives[0]));
}

}  // namespace
}  // namespace ordeal::slo
