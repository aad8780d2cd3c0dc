// What lint says, and what of an Argo file becomes an expectation.
#include "argo/check/expectations.h"
#include "argo/check/lint.h"
#include "argo/check/lint_metric.h"
#include "argo/check/query_traps.h"
#include "argo/testing.h"
#include "promql/syntax/parser.h"

namespace ordeal::argo {
namespace {

std::string line_of(const Finding& finding) {
  return std::string(finding.severity == Finding::Severity::kError ? "error" : "warning") + " " + finding.file + ":" +
         std::to_string(finding.line) + ": " + finding.field + ": " + finding.what;
}
std::string all_lines(const std::string& text, const std::string& name = "f.yaml") {
  std::string lines;
  for (const Finding& finding : lint({{name, text}})) lines += line_of(finding) + "\n";
  return lines;
}

TEST(Lint, OfTheExample) {
  auto findings = lint({{"rollback.yaml", kExampleRollout}});
  std::vector<std::string> lines;
  for (const Finding& finding : findings) lines.push_back(line_of(finding));
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "warning rollback.yaml:7: spec: there is neither a workloadRef nor a selector and a template: taken "
                "for an excerpt",
                "warning rollback.yaml:34: spec.metrics[0].successCondition: \"result < "
                "{{args.error-rate-threshold}}\" compares the list that the query gives with a number",
                "warning rollback.yaml:34: spec.metrics[0].successCondition: the query is a ratio: while nothing was "
                "ever counted above the line it gives no series at all, and without traffic it gives NaN"}));
  EXPECT_EQ(findings[1].fix, "successCondition: result[0] < {{args.error-rate-threshold}}");
  EXPECT_NE(findings[1].argo.find("mismatched types []float64 and float64"), std::string::npos);
  EXPECT_EQ(findings[2].fix,
            "successCondition: len(result) == 0 || isNaN(result[0]) || result[0] < {{args.error-rate-threshold}}, or "
            "`or vector(0)` behind the numerator");
}

// A template of one metric: its condition, its query and the rest; a part of what lint says, "" is nothing.
struct Row {
  const char* trap;
  const char* condition;
  const char* query;
  const char* rest;
  const char* says;
};
// clang-format off
const Row kRows[] = {
    {"§0.3 bare result on a vector", "result < 1", "sum(x)", "", "warning f.yaml:6: spec.metrics[0].successCondition: \"result < 1\" compares the list"},
    {"§0.3 not on a scalar", "result < 1", "scalar(sum(x))", "", ""},
    {"§0.3 not indexed", "len(result) == 0 || result[0] < 1", "sum(x)", "", ""},
    {"§0.3 the other way round", "result[0] < 1", "scalar(x)", "", "does not fit the number that the query gives"},
    {"§0.5 count of pods in a phase", "len(result) == 0 || result[0] > 1", "count(kube_pod_status_phase{phase=\"Running\"})", "", "spec.metrics[0].provider.prometheus.query: count(kube_pod_status_phase…) counts all of them"},
    {"§0.5 not where they are compared", "len(result) == 0 || result[0] > 1", "count(kube_pod_status_phase{phase=\"Running\"} == 1)", "", ""},
    {"§0.6 a ratio", "result[0] < 0.01", "sum(a) / sum(b)", "", "the query is a ratio"},
    {"§0.6 which says what empty means, not NaN", "len(result) == 0 || result[0] < 0.01", "sum(a) / sum(b)", "", "the query is a ratio"},
    {"§0.6 which says both", "len(result) == 0 || isNaN(result[0]) || result[0] < 0.01", "sum(a) / sum(b)", "", ""},
    {"§0.6 any query may be empty", "result[0] < 0.01", "sum(a)", "", "the query may give no series"},
    {"§0.6 but for one with a fallback", "result[0] < 0.01", "sum(a) or vector(0)", "", ""},
    {"§0.6 all() has an answer", "all(result, # < 1)", "sum(a) by (b)", "", ""},
    {"P18 quantile without le", "all(result, # < 1)", "histogram_quantile(0.95, rate(x_bucket[1m]))", "", "histogram_quantile() without sum by (le)"},
    {"P18 with le", "all(result, # < 1)", "histogram_quantile(0.95, sum by (le, route) (rate(x_bucket[1m])))", "", ""},
    {"P18 without everything but le", "all(result, # < 1)", "histogram_quantile(0.95, sum without (pod) (rate(x_bucket[1m])))", "", ""},
    {"P18 without le", "all(result, # < 1)", "histogram_quantile(0.95, sum without (le) (rate(x_bucket[1m])))", "", "without sum by (le)"},
    {"no condition", "", "sum(x)", "", "warning f.yaml:6: spec.metrics[0]: the metric has neither a successCondition nor a failureCondition"},
    {"a condition that does not parse", "result <", "sum(x)", "", "error f.yaml:6: spec.metrics[0].successCondition: cannot read the condition \"result <\": column 9"},
    {"a condition cut off by YAML", "all(result,", "sum(x)", "", "put the condition in quotes"},
    {"a query that does not parse", "all(result, # < 1)", "sum(x", "", "warning f.yaml:6: spec.metrics[0].provider.prometheus.query: Ordeal cannot read the query: column 6"},
    {"a text", "true", "\"a\"", "", "error f.yaml:6: spec.metrics[0].provider.prometheus.query: the query gives a text"},
    {"default()", "default(result[0], 0) < 1", "sum(x)", "", "default() and isNil() look at the whole result"},
    {"below a second", "all(result, # < 1)", "sum(x)", ", interval: 200ms", "an interval of 200ms is shorter than a second"},
    {"what Argo refuses", "all(result, # < 1)", "sum(x)", ", count: 2", "error f.yaml:6: spec.metrics[0].count: interval must be specified when count > 1"},
    {"a limit that the count cannot exceed", "len(result) > 0 && result[0] < 0.05", "vector(0.5)", ", count: 1, failureLimit: 1", "warning f.yaml:6: spec.metrics[0].failureLimit: the metric can never be Failed: it is measured once and failureLimit of 1 lets as many pass"},
    {"the same without a count", "result[0] < 0.05", "vector(0.5)", ", failureLimit: 3", "failureLimit: 0, or a larger count"},
    {"of three", "result[0] < 0.05", "vector(0.5)", ", interval: 1m, count: 3, failureLimit: 3", "failureLimit: 2, or a larger count"},
    {"of three, two may fail", "result[0] < 0.05", "vector(0.5)", ", interval: 1m, count: 3, failureLimit: 2", ""},
    {"without end", "result[0] < 0.05", "vector(0.5)", ", interval: 1m, failureLimit: 3", ""},
    {"inconclusive", "result[0] < 0.05", "vector(0.5)", ", failureCondition: 'result[0] > 0.1', interval: 1m, count: 2, inconclusiveLimit: 2", "the metric can never be Inconclusive: it is measured 2 times"},
    {"by texts", "result[0] < 0.05", "vector(0.5)", ", count: '1', failureLimit: '1'", "can never be Failed"},
    {"what an argument says is not known", "result[0] < 0.05", "vector(0.5)", ", interval: 1m, count: '{{args.limit}}', failureLimit: 1", ""},
    {"what Argo's language has beyond ours: fields", "result[0].value < 1", "vector(0.5)", "", "warning f.yaml:6: spec.metrics[0].successCondition: a limit of Ordeal's, not of Argo's: it cannot read the condition: its language has no fields (.value)"},
    {"beyond ours: functions", "reduce(result, #acc + #) < 1", "vector(0.5)", "", "its language has no function reduce()"},
    {"beyond ours: words", "let x = result[0]; x < 1", "vector(0.5)", "", "its language has no `let`"},
    {"beyond ours: a pipe", "result | any(# < 1)", "vector(0.5)", "", "its language has no pipe |"},
    {"beyond ours: ??", "(result[0] ?? 1) < 1", "vector(0.5)", "", "its language has no operator ??"},
    {"beyond ours: slices", "len(result[0:1]) < 2", "vector(0.5)", "", "its language has no slices"},
    {"a comment does not swallow what closes", "result[0] < 1 // fine", "sum(x)", "", "len(result) == 0 || result[0] < 1 // fine"},
    {"a tag of no argument", "result[0] < {{args.nope}}", "sum(x)", "", "failed to resolve {{args.nope}}"},
    {"an argument without a value is no error", "all(result, # < {{args.limit}})", "sum(rate(x{app=\"{{args.app}}\"}[{{args.window}}]))", "", ""},
    {"an argument as a duration", "all(result, # < 1)", "sum(rate(x[1h{{args.window}}]))", "", ""},
};
// clang-format on

std::string template_with(const Row& row) {
  json::Object prometheus{{"address", "http://p"}, {"query", row.query}};
  std::string condition = *row.condition ? ", successCondition: " + json::write(json::Value(row.condition)) : "";
  return "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n"
         "  - {name: m, provider: {prometheus: " +
         json::write(prometheus) + "}" + condition + row.rest +
         "}\n"
         "  args: [{name: limit}, {name: app}, {name: window}]\n";
}

TEST(Lint, KnowsTheTraps) {
  for (const Row& row : kRows) {
    std::string said = all_lines(template_with(row));
    for (const Finding& finding : lint({{"f.yaml", template_with(row)}})) said += finding.fix + "\n";
    EXPECT_TRUE(*row.says ? said.find(row.says) != std::string::npos : said.empty()) << row.trap << ":\n" << said;
  }
}

std::string rollout(const std::string& strategy) {
  return "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec:\n  workloadRef: {kind: "
         "Deployment, name: api}\n  strategy: {" +
         strategy + "}\n---\n";
}
const std::string kEndless = template_text("interval: 1m, successCondition: 'all(result, # < 1)'");
const std::string kFinite = template_text("interval: 1m, count: 3, successCondition: 'all(result, # < 1)'");
const std::string kAsks =
    template_text("successCondition: 'all(result, # < {{args.limit}})'") + "  args: [{name: limit}]\n";

struct RolloutRow {
  const char* trap;
  std::string text;
  const char* says;
};
// Each is right in Argo. Nothing is said to be an error, or what Argo does with it.
TEST(Lint, OfOtherProvidersSaysOnlyWhatOrdealCannotDo) {
  for (const char* metric : {
           "{name: m, provider: {job: {spec: {backoffLimit: 0}}}}",
           "{name: m, provider: {kayenta: {metricsAccountName: x}}}",
           "{name: m, provider: {plugin: {x: {}}}, successCondition: 'result.x matches \"a\"'}",
           "{name: m, provider: {web: {url: x}}, successCondition: 'result.ok && result.successPercent >= 0.90'}",
           "{name: m, provider: {web: {url: x}}, successCondition: 'default(result, 0) < 1'}",
           "{name: m, provider: {web: {url: x}}, successCondition: 'result == \"ok\"'}",
           "{name: m, provider: {web: {url: x}}, successCondition: 'result[\"ok\"] == true'}",
           "{name: m, provider: {newRelic: {query: x}}, successCondition: 'result.successRate >= 0.95'}",
           "{name: m, provider: {cloudWatch: {}}, successCondition: 'len(result[0].Values) >= 3'}",
       }) {
    auto findings = lint({{"f.yaml",
                           "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\n"
                           "spec:\n  metrics:\n  - " +
                               std::string(metric) + "\n"}});
    EXPECT_FALSE(findings.empty()) << metric;
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.severity, Finding::Severity::kWarning) << metric << ": " << finding.what;
      EXPECT_TRUE(finding.what.starts_with("a limit of Ordeal's")) << metric << ": " << finding.what;
      EXPECT_EQ(finding.argo, "") << metric;
    }
  }
  EXPECT_NE(
      all_lines("apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n"
                "  - {name: m, provider: {web: {url: x}}}\n")
          .find("neither a successCondition nor a failureCondition"),
      std::string::npos)
      << "a web metric goes by its conditions";
}

// What is not ours may be large, deep or no YAML at all.
TEST(Lint, ReadsWhatIsOursBesideAnything) {
  std::string deep =
      "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: rollouts\nspec:\n";
  for (int level = 1; level < 60; ++level) deep += std::string(static_cast<size_t>(level) * 2, ' ') + "properties:\n";
  std::string large = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: board}\ndata:\n  a: |\n";
  while (large.size() < (3 << 20)) large += "    {\"a line of a dashboard\": 1}\n";
  std::string broken = "apiVersion: v1\nkind: Secret\nmetadata: {name: chart}\ndata: {{ .Values.data }}\n";
  std::string between = deep + "---\n" + large + "--- # next\n" + broken + "---\r\n\n# nothing\n---\n";
  std::string trap = template_text("successCondition: 'result < 1'");
  std::vector<std::string> ignored;
  auto findings = lint({{"f.yaml", between + trap + "---\n" + deep}}, &ignored);
  ASSERT_EQ(findings.size(), 2u) << findings[0].what;
  auto before = std::count(between.begin(), between.end(), '\n');
  EXPECT_EQ(findings[0].line, before + 6);
  EXPECT_NE(findings[0].what.find("compares the list"), std::string::npos);
  EXPECT_EQ(ignored, (std::vector<std::string>{"CustomResourceDefinition rollouts", "ConfigMap board", "Secret chart",
                                               "CustomResourceDefinition rollouts"}));

  // Of a List of kubectl's, too.
  std::string list = "apiVersion: v1\nitems:\n";
  for (const std::string& object : {large, trap}) {
    std::string item = "- ";
    for (char c : object.substr(0, object.size() - 1)) item += c == '\n' ? std::string("\n  ") : std::string(1, c);
    list += item + "\n";
  }
  list += "kind: List\nmetadata: {}\n";
  findings = lint({{"f.yaml", list}}, &ignored);
  ASSERT_EQ(findings.size(), 2u) << findings[0].what;
  EXPECT_EQ(findings[0].line, 2 + std::count(large.begin(), large.end(), '\n') + 6);
  EXPECT_EQ(ignored, std::vector<std::string>{"ConfigMap board"});

  // What is ours and cannot be read is said, with its place, and the rest is read all the same.
  std::string said =
      all_lines(trap + "---\n" + "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: [\n---\n" + trap);
  EXPECT_NE(said.find("error f.yaml:1"), std::string::npos) << said;
  EXPECT_NE(said.find("there are two AnalysisTemplates"), std::string::npos) << said;
  EXPECT_EQ(all_lines("a: [\n").substr(0, 14), "error f.yaml:2");
}

TEST(Lint, OfRollouts) {
  // clang-format off
  const RolloutRow kRollouts[] = {
      {"§0.4 inline and without end", rollout("canary: {steps: [{analysis: {templates: [{templateName: t}]}}]}") + kEndless, "error f.yaml:6: spec.strategy.canary.steps[0].analysis.templates: the step 0 analysis of the Rollout api must come to an end, and the metric \"m\" of t has an interval and no count"},
      {"§0.4 before promotion", rollout("blueGreen: {activeService: a, prePromotionAnalysis: {templates: [{templateName: t}]}}") + kEndless, "the pre-promotion analysis of the Rollout api must come to an end"},
      {"§0.4 after promotion", rollout("blueGreen: {activeService: a, postPromotionAnalysis: {templates: [{templateName: t}]}}") + kEndless, "the post-promotion analysis of the Rollout api must come to an end"},
      {"inline and with an end", rollout("canary: {steps: [{analysis: {templates: [{templateName: t}]}}]}") + kFinite, ""},
      {"in the background without end", rollout("canary: {analysis: {templates: [{templateName: t}]}, steps: [{pause: {}}]}") + kEndless, ""},
      {"an argument that nobody knows", rollout("canary: {analysis: {templates: [{templateName: t}], args: [{name: x, value: y}]}, steps: [{pause: {}}]}") + kEndless, "warning f.yaml:6: spec.strategy.canary.analysis.args: no template has an argument \"x\""},
      {"an argument without a value", rollout("canary: {analysis: {templates: [{templateName: t}]}, steps: [{pause: {}}]}") + kAsks, "error f.yaml:6: spec.strategy.canary.analysis.args: args.limit was not resolved"},
      {"a template that is elsewhere", rollout("canary: {analysis: {templates: [{templateName: u}]}, steps: [{pause: {}}]}") + kEndless, "warning f.yaml:6: spec.strategy.canary.analysis.templates[0]: no AnalysisTemplate of the name \"u\" is in the given files"},
      {"a startingStep that is not there", rollout("canary: {analysis: {templates: [{templateName: t}], startingStep: 4}, steps: [{pause: {}}]}") + kEndless, "there is no such step"},
      {"half a second", rollout("canary: {steps: [{pause: {duration: 1500ms}}]}") + kEndless, "a pause counts whole seconds: 1500ms is 1s"},
      {"no duration", rollout("canary: {steps: [{pause: {duration: soon}}]}") + kEndless, "error f.yaml:6: spec.strategy.canary.steps[0].pause.duration: a pause lasts whole seconds"},
      {"a weight of 120", rollout("canary: {steps: [{setWeight: 120}]}") + kEndless, "error f.yaml:6: spec.strategy.canary.steps[0].setWeight: setWeight must be between 0 and 100, found 120"},
      {"a rule that matches nothing", kEndless + "  dryRun: [{metricName: x}]\n", "error f.yaml:7: spec.dryRun[0].metricName: the rule \"x\" of dryRun matches no metric"},
      {"no metric", "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec: {}\n", "error f.yaml:4: spec: no metrics specified"},
      {"an analysis of nothing", rollout("canary: {analysis: {templates: []}, steps: [{pause: {}}]}") + kEndless, "the analysis names no template"},
      {"a misspelled key", rollout("canary: {step: []}") + kEndless, "error f.yaml:6: spec.strategy.canary.step: unknown key \"step\"; did you mean \"steps\"?"},
      {"no YAML", "a: [", "error f.yaml:"},
  };
  // clang-format on
  for (const RolloutRow& row : kRollouts) {
    std::string said = all_lines(row.text);
    EXPECT_TRUE(*row.says ? said.find(row.says) != std::string::npos : said.empty()) << row.trap << ":\n" << said;
  }
}

TEST(Lint, ALooksAtSeveralFilesTogether) {
  auto findings =
      lint({{"a.yaml", rollout("canary: {analysis: {templates: [{templateName: t}]}, steps: [{pause: {}}]}")},
            {"b.yaml", kEndless}});
  EXPECT_TRUE(findings.empty()) << line_of(findings[0]);
}

TEST(Lint, OfOrdealsOwnFiles) {
  const std::string kExperiment = "name: x\ntarget: {type: host}\nattack: {type: cpu}\n";
  EXPECT_EQ(all_lines(kExperiment), "");
  EXPECT_EQ(all_lines(kExperiment + "nam: y\n"), "error f.yaml:4: nam: unknown key \"nam\"; did you mean \"name\"?\n");
  EXPECT_EQ(all_lines("expect:\n- {query: 'sum(', condition: result < 1}\n"),
            "error f.yaml:2: expect[0].query: column 5: expected an expression, found the end of the query\n");
  EXPECT_EQ(all_lines("sources: {prometheus: 'http://p'}\nexpect:\n- {query: 'newer(x)', condition: result < 1}\n"),
            "warning f.yaml:3: expect[0].query: column 1: there is no function newer()\n")
      << "a real Prometheus may know it";
  EXPECT_NE(all_lines("expect:\n- {query: 'count(kube_pod_status_phase)', condition: result > 1}\n")
                .find("warning f.yaml:2: expect[0].query: count(kube_pod_status_phase…)"),
            std::string::npos);
}

TEST(Lint, UnfoldsAListAndNamesWhatItIgnores) {
  std::vector<std::string> ignored;
  auto findings = lint({{"f.yaml",
                         "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: argoproj.io/v1alpha1, kind: "
                         "AnalysisTemplate, metadata: {name: t}, spec: {}}\n- {apiVersion: argoproj.io/v1alpha1, kind: "
                         "AnalysisTemplate, metadata: {name: u}, spek: {}}\n---\napiVersion: v1\nkind: Service\n"
                         "metadata: {name: shop}\n"}},
                       &ignored);
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(line_of(findings[0]), "error f.yaml:4: spec: no metrics specified");
  EXPECT_EQ(findings[1].line, 5);
  EXPECT_EQ(ignored, std::vector<std::string>{"Service shop"});
}

TEST(Lint, OfARunThatIsTerminated) {
  EXPECT_NE(
      all_lines("apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {name: r}\nspec: {terminate: true, "
                "metrics: [{name: m, successCondition: 'result[0] < 1', provider: {prometheus: {address: "
                "'http://p', query: up}}}]}\n")
          .find("warning f.yaml:4: spec.terminate: the run is terminated before it begins"),
      std::string::npos);
}

// Each Rollout's references are followed once, not once for each template.
TEST(Lint, OfManyTemplatesTakesNoLongTime) {
  std::string text;
  for (int i = 0; i < 800; ++i) {
    std::string name = "t" + std::to_string(i);
    text += rollout("canary: {analysis: {templates: [{templateName: " + name + "}]}, steps: [{pause: {}}]}");
    text += template_text("interval: 1m, successCondition: 'all(result, # < 1)'", name) + "---\n";
  }
  BootTime begin = boot_now();
  auto findings = lint({{"f.yaml", text}});
  EXPECT_TRUE(findings.empty()) << line_of(findings[0]);
  EXPECT_LT(boot_now() - begin, 10s);
}

TEST(Lint, IndexesABareResult) {
  for (auto [written, indexed] :
       {std::pair{"result < 1", "result[0] < 1"},
        std::pair{"len(result) == 0 || result < {{args.x}}", "len(result) == 0 || result[0] < {{args.x}}"},
        std::pair{"result[0] < 1 && results", "result[0] < 1 && results"},
        std::pair{"isNaN(result) || 1 in result", "isNaN(result[0]) || 1 in result"},
        std::pair{"max( result ) < 1", "max( result ) < 1"}})
    EXPECT_EQ(index_bare_results(written), indexed);
}

// --- expectations

Result<Derived> derive(const std::string& text, DeriveOptions options = {}) {
  static std::vector<Manifest> kept;
  kept.reserve(100);
  kept.push_back(manifest_of(text));
  return derive_expectations(kept.back(), options);
}

TEST(Expectations, OfTheExample) {
  Derived derived = *derive(kExampleRollout);
  ASSERT_EQ(derived.expect.size(), 1u);
  const Expectation& e = derived.expect[0];
  EXPECT_EQ(e.name, "error-rate");
  EXPECT_EQ(e.condition, "result < 0.01");
  EXPECT_TRUE(e.query.starts_with("sum(rate(") && e.query.ends_with("[1m]))")) << e.query;
  EXPECT_EQ(e.when, (std::set<When>{When::kBefore, When::kDuring}));
  EXPECT_TRUE(e.halt);
  EXPECT_EQ(e.for_, 0s);
  EXPECT_EQ(e.no_data, NoData::kHold);
  EXPECT_EQ(derived.prometheus, "http://prometheus:9090");
  ASSERT_EQ(derived.rollouts.size(), 1u);
  EXPECT_EQ(derived.rollouts[0]->name, "fastapi-backend");
  EXPECT_EQ(derived.notes.size(), 1u);
  ASSERT_EQ(derived.warnings.size(), 1u);
  EXPECT_NE(derived.warnings[0].find("write successCondition: result[0] < 0.01"), std::string::npos)
      << derived.warnings[0];
  EXPECT_EQ(derive(kExampleRollout, {.own_source = true})->prometheus, "");
  EXPECT_EQ(derive(kExampleRollout, {.args = {{"error-rate-threshold", "0.2"}}})->expect[0].condition, "result < 0.2");
}

struct MetricRow {
  const char* what;
  const char* fields;
  const char* condition;
  Nanos for_;
  bool halt;
  NoData no_data;
};
TEST(Expectations, AreMadeOfMetrics) {
  // clang-format off
  const MetricRow kMetrics[] = {
      {"a failure condition", "failureCondition: 'result[0] > 1'", "!(result[0] > 1)", 0s, true, NoData::kHold},
      {"both", "successCondition: 'result[0] < 1', failureCondition: 'result[0] > 5'", "(result[0] < 1) && !(result[0] > 5)", 0s, true, NoData::kHold},
      {"comments close nothing", "successCondition: 'result[0] < 1 // a', failureCondition: 'result[0] > 5 // b'", "(result[0] < 1 // a\n) && !(result[0] > 5 // b\n)", 0s, true, NoData::kHold},
      {"failures that are allowed", "successCondition: 'result[0] < 1', failureLimit: 3, interval: 20s", "result[0] < 1", 60s, true, NoData::kHold},
      {"as many as one likes", "successCondition: 'result[0] < 1', failureLimit: -1, consecutiveSuccessLimit: 3, interval: 20s", "result[0] < 1", 0s, false, NoData::kHold},
      {"empty is fine", "successCondition: 'len(result) == 0 || result[0] < 1'", "len(result) == 0 || result[0] < 1", 0s, true, NoData::kPass},
      {"NaN is fine", "successCondition: 'isNaN(result[0]) || result[0] < 1'", "isNaN(result[0]) || result[0] < 1", 0s, true, NoData::kPass},
      {"an absurd limit", "successCondition: 'result[0] < 1', failureLimit: 2000000000, interval: 2000000h", "result[0] < 1", 24h, true, NoData::kHold},
  };
  // clang-format on
  for (const MetricRow& row : kMetrics) {
    auto derived = derive(template_text(row.fields));
    ASSERT_TRUE(derived) << row.what << ": " << error_of(derived);
    const Expectation& e = derived->expect.at(0);
    EXPECT_EQ(e.condition, row.condition) << row.what;
    EXPECT_EQ(e.for_, row.for_) << row.what;
    EXPECT_EQ(e.halt, row.halt) << row.what;
    EXPECT_EQ(e.no_data, row.no_data) << row.what;
  }
}

struct RefusedRow {
  const char* what;
  std::string text;
  const char* error;
};
TEST(Expectations, AreRefusedWhereARunCannotKeepThem) {
  auto with = [](const char* provider) {
    return "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n  - "
           "{name: m, successCondition: 'result[0] < 1', provider: " +
           std::string(provider) + "}\n";
  };
  // clang-format off
  const RefusedRow kRefused[] = {
      {"no condition", template_text("interval: 1m"), "line 6: spec.metrics[0]: a metric without a condition cannot be an expectation: nothing could breach it"},
      {"a condition beyond Ordeal's", template_text("successCondition: 'let x = 1'"), "unknown name \"let\""},
      {"a range query", with("{prometheus: {address: 'http://p', query: up, rangeQuery: {start: 'now()', end: 'now()', step: 1m}}}"), "line 6: spec.metrics[0].provider.prometheus.rangeQuery: a range query cannot be an expectation (`ordeal analysis` runs it)"},
      {"headers", with("{prometheus: {address: 'http://p', query: up, headers: [{key: a, value: b}]}}"), "a run cannot ask with headers"},
      {"a login", with("{prometheus: {address: 'http://p', query: up, authentication: {basicAuth: {username: a, password: b}}}}"), "a run cannot ask with authentication"},
      {"no address", with("{prometheus: {query: up}}"), "prometheus address is not configured"},
      {"another provider", with("{datadog: {query: up}}"), "the provider \"datadog\" is not supported by Ordeal, only prometheus is"},
      {"two servers", template_text("successCondition: 'result[0] < 1'") + "  - {name: n, successCondition: 'result[0] < 1', provider: {prometheus: {address: 'http://q', query: up}}}\n", "the metrics ask two servers, http://p and http://q; a run asks one"},
      {"two servers with passwords", with("{prometheus: {address: 'http://a:s3cret@p', query: up}}") + "  - {name: n, successCondition: 'result[0] < 1', provider: {prometheus: {address: 'http://b:s3cret@q', query: up}}}\n", "the metrics ask two servers, http://a:***@p and http://b:***@q; a run asks one"},
      {"nothing but a dry run", template_text("successCondition: 'result[0] < 1'") + "  dryRun: [{metricName: m}]\n", "the file describes no metric that could be watched"},
  };
  // clang-format on
  for (const RefusedRow& row : kRefused) {
    std::string found = error_of(derive(row.text));
    EXPECT_NE(found.find(row.error), std::string::npos) << row.what << ": " << found;
  }
  EXPECT_TRUE(derive(with("{prometheus: {query: up, headers: [{key: a, value: b}]}}"), {.own_source = true}));
}

TEST(Expectations, ASecretIsNeverPartOfThem) {
  auto with = [](const char* query, const char* address) {
    return std::string(
               "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  args: "
               "[{name: token, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n  metrics:\n  - {name: m, "
               "successCondition: 'result[0] < 1', provider: {prometheus: {address: '") +
           address + "', query: '" + query + "'}}}\n";
  };
  const DeriveOptions kGiven{.args = {{"token", "s3cret"}}};
  EXPECT_EQ(error_of(derive(with("up", "http://p"))),
            "args.token comes from the Secret s (key k), which Ordeal does not read");
  EXPECT_TRUE(derive(with("up", "http://p"), kGiven));
  for (auto [query, address] : {std::pair{"up{a=\"{{args.token}}\"}", "http://p"},
                                std::pair{"up", "http://{{args.token}}"}, std::pair{"up", "{{args.token}}"}}) {
    std::string found = error_of(derive(with(query, address), kGiven));
    EXPECT_NE(found.find("it holds the value of a Secret"), std::string::npos) << found;
    EXPECT_EQ(found.find("s3cret"), std::string::npos) << found;
  }
}

TEST(Expectations, GivenArgumentsGoToWhoeverKnowsThem) {
  std::string text = template_text("successCondition: 'result[0] < {{args.limit}}'", "t") +
                     "  args: [{name: limit}]\n---\n" +
                     template_text("successCondition: 'result[0] < 1'", "u").replace(0, 0, "");
  auto derived = derive(text, {.args = {{"limit", "3"}}});
  ASSERT_TRUE(derived) << error_of(derived);
  EXPECT_EQ(derived->expect.at(0).condition, "result[0] < 3");
  EXPECT_EQ(error_of(derive(text, {.args = {{"limit", "3"}, {"lemit", "3"}}})),
            "--arg lemit: no analysis of the file has such an argument");
}

TEST(Expectations, OfATerminatedRunThereAreNone) {
  EXPECT_EQ(
      error_of(derive("apiVersion: argoproj.io/v1alpha1\nkind: AnalysisRun\nmetadata: {name: r}\nspec: {terminate: "
                      "true, metrics: [{name: m, provider: {prometheus: {query: up}}}]}\n")),
      "the file describes no metric that could be watched");
}

TEST(Expectations, OfTwoAnalysesOfOneTemplateKeepTheirNamesApart) {
  std::string text = rollout(
      "canary: {analysis: {templates: [{templateName: t}], args: [{name: limit, value: '1'}]}, steps: [{analysis: "
      "{templates: [{templateName: t}], args: [{name: limit, value: '2'}]}}]}");
  auto derived =
      derive(text + template_text("successCondition: 'result[0] < {{args.limit}}'") + "  args: [{name: limit}]\n");
  ASSERT_TRUE(derived) << error_of(derived);
  ASSERT_EQ(derived->expect.size(), 2u);
  EXPECT_EQ(derived->expect[1].name, "m (the step 0 analysis of the Rollout api)");
}

TEST(Query, KnowsWhatIsNeverEmpty) {
  for (auto [query, never] :
       {std::pair{"vector(0)", true}, std::pair{"sum(x) or vector(0)", true}, std::pair{"x", false},
        std::pair{"sum(x or vector(1)) / 2", true}, std::pair{"x / vector(1)", false},
        std::pair{"round(vector(1))", true}, std::pair{"vector(1) > 2", false}, std::pair{"absent(x)", false},
        std::pair{"rate(x[1m])", false}, std::pair{"scalar(x)", true}})
    EXPECT_EQ(never_empty(**promql::parse(query)), never) << query;
}

}  // namespace
}  // namespace ordeal::argo
