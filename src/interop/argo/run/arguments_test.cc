// What Argo accepts, and where arguments get their values.
#include "interop/argo/run/arguments.h"

#include "interop/argo/check/validation.h"
#include "interop/argo/run/analyses.h"
#include "interop/argo/testing.h"

namespace ordeal::argo {
namespace {

struct ArgumentRow {
  const char* rule;
  const char* metric;  // YAML
  const char* error;   // without its place; "" is none
};
// clang-format off
const ArgumentRow kArgumentRows[] = {
    {"nothing but a provider", "", ""},
    {"an interval is needed for more than one", "count: 2", "count: interval must be specified when count > 1"},
    {"but not for one", "count: 1", ""},
    {"failureLimit -1 needs a success limit", "failureLimit: -1", "failureLimit: failureLimit and consecutiveSuccessLimit cannot both be disabled"},
    {"and is fine with one", "interval: 1m\nfailureLimit: -1\nconsecutiveSuccessLimit: 2", ""},
    {"failureLimit below -1", "failureLimit: -2", "failureLimit: failureLimit must be >= 0, or -1 to be disabled"},
    {"consecutiveSuccessLimit", "consecutiveSuccessLimit: -1", "consecutiveSuccessLimit: consecutiveSuccessLimit must be >= 0"},
    {"inconclusiveLimit", "inconclusiveLimit: -1", "inconclusiveLimit: inconclusiveLimit must be >= 0"},
    {"consecutiveErrorLimit", "consecutiveErrorLimit: -1", "consecutiveErrorLimit: consecutiveErrorLimit must be >= 0"},
    {"the count covers both limits", "interval: 1m\ncount: 3\nfailureLimit: 2\nconsecutiveSuccessLimit: 2", "count: count (3) must be >= failureLimit + consecutiveSuccessLimit (2 + 2)"},
    {"and does", "interval: 1m\ncount: 4\nfailureLimit: 2\nconsecutiveSuccessLimit: 2", ""},
    {"without a failure limit, the successes", "interval: 1m\ncount: 3\nfailureLimit: -1\nconsecutiveSuccessLimit: 4", "count: count must be >= consecutiveSuccessLimit"},
    {"the count covers inconclusiveLimit", "interval: 1m\ncount: 3\ninconclusiveLimit: 4", "count: count must be >= inconclusiveLimit"},
    {"a limit alone needs no count", "interval: 1m\nfailureLimit: 9", ""},
    {"the interval is a Go duration", "interval: 1d", "interval: invalid interval: \"1d\" is not a duration such as 1m30s"},
    {"so is the initial delay", "initialDelay: x", "initialDelay: invalid initialDelay: \"x\" is not a duration such as 1m30s"},
};
// clang-format on

TEST(Validation, FollowsTheRules) {
  for (const ArgumentRow& row : kArgumentRows) {
    auto valid = validate_metric(metric_of(row.metric));
    std::string found = error_of(valid);
    EXPECT_EQ(found.substr(found.find(": ") + 2), *row.error ? row.error : found.substr(found.find(": ") + 2))
        << row.rule;
    EXPECT_EQ(valid.has_value(), !*row.error) << row.rule << ": " << found;
  }
}

Metric with_provider(const char* provider) {
  json::Document document = *json::parse_document(std::string("name: m\nprovider: ") + provider + "\n");
  return *decode_metric(json::Reader(document));
}

TEST(Validation, R45WantsExactlyOneProvider) {
  EXPECT_EQ(error_of(validate_metric(with_provider("{}"))), "line 2: provider: no provider specified");
  EXPECT_EQ(error_of(validate_metric(with_provider("{prometheus: {query: up}, web: {url: x}}"))),
            "line 2: provider: multiple providers specified");
  EXPECT_EQ(error_of(validate_metric(with_provider("{datadog: {query: up}}"))),
            "line 2: provider.datadog: the provider \"datadog\" is not supported by Ordeal, only prometheus is");
  EXPECT_EQ(error_of(validate_metrics({})), "no metrics specified");
  EXPECT_EQ(error_of(validate_metrics({metric_of(""), metric_of("")})), "line 1: name: duplicate name 'm'");
}

TEST(Validation, KnowsWhatArgoTakesAndOrdealDoesNot) {
  for (const char* provider : {"{job: {spec: {}}}", "{web: {url: x}}", "{datadog: {query: up}}", "{plugin: {x: {}}}"})
    EXPECT_EQ(error_of(validate_in_argo(with_provider(provider))), "no error") << provider;
  EXPECT_EQ(error_of(validate_in_argo(with_provider("{}"))), "line 2: provider: no provider specified");
}

TEST(Validation, R41AndR43RulesMatchAnywhereInTheName) {
  Metric a = metric_of(""), b = metric_of("");
  a.name = "error-rate", b.name = "latency";
  EXPECT_EQ(*matching({{"rate", 0, {}}}, {a, b}, "dryRun"), std::set<std::string>{"error-rate"});
  EXPECT_EQ(matching({{".*", 0, {}}}, {a, b}, "dryRun")->size(), 2u);
  EXPECT_EQ(*matching({{"^lat", 0, {}}}, {a, b}, "dryRun"), std::set<std::string>{"latency"});
  EXPECT_EQ(error_of(matching({{"x", 0, {"spec.dryRun[0]", {{"spec.dryRun[0]", 7}}}}}, {a, b}, "dryRun")),
            "line 7: spec.dryRun[0].metricName: the rule \"x\" of dryRun matches no metric");
  EXPECT_FALSE(matching({{"*", 0, {}}}, {a, b}, "dryRun")) << "no regular expression";
  EXPECT_EQ(*retention_of({{"rate", 20, {}}}, {a, b}), (std::vector<size_t>{20, 10}));
}

TEST(Validation, R46OnlyABackgroundAnalysisMayBeWithoutEnd) {
  EXPECT_NE(error_of(validate_finite(metric_of("interval: 1m"), "t"))
                .find("AnalysisTemplate t has metric m which runs indefinitely"),
            std::string::npos);
  EXPECT_TRUE(validate_finite(metric_of("interval: 1m\ncount: 3"), "t"));
  EXPECT_TRUE(validate_finite(metric_of(""), "t"));
}

struct StepRow {
  const char* rule;
  const char* step;
  const char* error;
};
// clang-format off
const StepRow kSteps[] = {
    {"for ever", "{pause: {}}", ""},
    {"whole seconds", "{pause: {duration: 30}}", ""},
    {"as a text", "{pause: {duration: '30'}}", ""},
    {"a Go duration", "{pause: {duration: 1m30s}}", ""},
    {"no duration", "{pause: {duration: soon}}", "a pause lasts whole seconds or a duration such as 30s, found \"soon\""},
    {"before its begin", "{pause: {duration: -1}}", "a pause lasts whole seconds or a duration such as 30s, found -1"},
    {"100", "{setWeight: 100}", ""},
    {"101", "{setWeight: 101}", "setWeight must be between 0 and 100, found 101"},
    {"-1", "{setWeight: -1}", "setWeight must be between 0 and 100, found -1"},
    {"a step is one thing", "{setWeight: 5, pause: {}}", "a step is one of setWeight, pause, experiment and analysis, not several"},
    {"and not nothing", "{}", "the step is empty"},
};
// clang-format on
Rollout rollout_with(const std::string& step, const std::string& canary = "") {
  return manifest_of(
             "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api, labels: {app: shop}}\nspec: "
             "{replicas: 3, strategy: "
             "{canary: {" +
             canary + "steps: [" + step + "]}}}\n")
      .rollouts.at(0);
}
TEST(Validation, OfSteps) {
  for (const StepRow& row : kSteps) {
    std::string found = error_of(validate_rollout(rollout_with(row.step)));
    EXPECT_TRUE(*row.error ? found.ends_with(row.error) : found == "no error") << row.rule << ": " << found;
  }
  // Of a step's kinds Argo counts four; the modifiers stand beside one, alone, or together.
  const char *kinds[] = {"setWeight: 5", "pause: {}", "experiment: {}", "analysis: {}"},
             *modifiers[] = {"setCanaryScale: {replicas: 1}", "setHeaderRoute: {name: a}", "setMirrorRoute: {name: a}",
                             "plugin: {name: a}"};
  auto taken = [](const std::string& step) { return validate_rollout(rollout_with("{" + step + "}")).has_value(); };
  for (std::string one : modifiers) {
    EXPECT_TRUE(taken(one)) << one;
    for (std::string other : modifiers) EXPECT_TRUE(one == other || taken(one + ", " + other)) << one << other;
    for (std::string kind : kinds) {
      EXPECT_TRUE(taken(one + ", " + kind)) << one << kind;
      EXPECT_TRUE(taken(kind + ", " + one)) << one << kind;
      for (std::string other : kinds)
        EXPECT_TRUE(kind == other || !taken(kind + ", " + one + ", " + other)) << kind << other << one;
    }
  }
  EXPECT_EQ(*pause_length(rollout_with("{pause: {duration: 1500ms}}").steps[0]), 1s) << "the fraction is cut off";
  EXPECT_TRUE(validate_rollout(rollout_with("{setWeight: 500}", "trafficRouting: {maxTrafficWeight: 1000}, ")));
}

Argument value(const char* name, std::optional<std::string> text = {}) { return {name, std::move(text), {}, {}}; }
std::string shown(const Result<std::vector<Argument>>& args) {
  if (!args) return args.error().message();
  std::string text;
  for (const Argument& argument : *args) text += argument.name + "=" + argument.value.value_or("?") + " ";
  return text;
}

TEST(Arguments, R47TheRolloutsWinAndUnknownOnesAreDropped) {
  std::vector<std::string> dropped;
  EXPECT_EQ(shown(merge({value("a", "1"), value("x", "9")}, {value("a", "0"), value("b", "2")}, &dropped)), "a=1 b=2 ");
  EXPECT_EQ(dropped, std::vector<std::string>{"x"});
  EXPECT_EQ(shown(merge({}, {value("a")})), "args.a was not resolved");
  EXPECT_EQ(shown(merge({value("a", "")}, {value("a")})), "a= ") << "an empty text is a value";
}

struct TextRow {
  const char* rule;
  const char* text;
  const char* value;  // of args.x
  const char* becomes;
};
// clang-format off
const TextRow kTexts[] = {
    {"anywhere", "result < {{args.x}}", "0.01", "result < 0.01"},
    {"with spaces", "result < {{args.x }}!", "0.01", "result < 0.01!"},
    {"twice", "{{args.x}}{{args.x}}", "a", "aa"},
    {"an unknown tag", "{{args.y}}", "a", "line 0: : failed to resolve {{args.y}}"},
    {"a tag without an end", "{{args.x", "a", "failed to resolve {{args.x"},
    {"quotes are escaped", "up{a={{args.x}}}", "\"b\"\n", "up{a=\"b\"\n}"},
    {"a backslash, too", "{{args.x}}", "\\d", "\\d"},
    {"what Go escapes and JSON cannot read", "{{args.x}}", "\a", "with its arguments filled in it is no JSON"},
    {"no tag, no change", "up{a=\"{}\"}", "", "up{a=\"{}\"}"},
};
// clang-format on
TEST(Arguments, AreFilledInByTheRules) {
  for (const TextRow& row : kTexts) {
    MetricTemplate metric{
        "m",
        json::Object{{"name", "m"}, {"provider", json::Object{{"prometheus", json::Object{{"query", row.text}}}}}},
        {}};
    auto resolved = resolve_metric(metric, {value("x", row.value)});
    std::string found = resolved ? resolved->prometheus.query : resolved.error().message();
    EXPECT_TRUE(resolved ? found == row.becomes : found.find(row.becomes) != std::string::npos)
        << row.rule << ": " << found;
  }
}

TEST(Arguments, R48WholeNumbersMayBeTemplates) {
  MetricTemplate metric{"m", json::Object{{"name", "m"}, {"count", "{{args.x}}"}, {"failureLimit", "{{args.x}}"}}, {}};
  EXPECT_EQ(resolve_metric(metric, {value("x", "3")})->count, 3);
  EXPECT_EQ(error_of(resolve_metric(metric, {value("x")})), "argument \"x\" was not supplied");
}

TEST(Arguments, R49FromWhereTheyCome) {
  Rollout rollout = rollout_with("{pause: {}}");
  auto from = [&](ValueFrom source, std::map<std::string, std::string> hashes = {}) {
    return shown(resolve_rollout_arguments({{"a", {}, std::move(source), {}}}, rollout, hashes));
  };
  EXPECT_EQ(from({"", "", "Latest", ""}, {{"Latest", "abc"}, {"Stable", "def"}}), "a=abc ");
  EXPECT_EQ(from({"", "", "Stable", ""}, {{"Latest", "abc"}, {"Stable", "def"}}), "a=def ");
  EXPECT_EQ(from({"", "", "Stable", ""}),
            "args.a is the pod-template-hash of the Stable ReplicaSet, which only a cluster knows");
  EXPECT_EQ(from({"", "", "", "metadata.labels['app']"}), "a=shop ");
  EXPECT_EQ(from({"", "", "", "spec.replicas"}), "a=3 ");
  EXPECT_EQ(from({"", "", "", "spec.strategy.canary.steps[0].pause"}),
            "line 0: valueFrom.fieldRef.fieldPath: spec.strategy.canary.steps[0].pause is not a single value");
  EXPECT_EQ(from({"", "", "", "spec.x"}), "line 0: valueFrom.fieldRef.fieldPath: the Rollout \"api\" has no spec.x");
  EXPECT_EQ(redact("the token s3cret is wrong: s3cret", {"s3cret", ""}), "the token ***** is wrong: *****");
}

TEST(Arguments, R50TemplatesAreMadeOne) {
  auto two = [](const char* first, const char* second, const char* name) {
    return manifest_of(template_text("interval: 1m", "a") + first + "---\n" +
                       template_text("interval: 1m", "b")
                           .replace(template_text("", "b").find("name: m"), 7, std::string("name: ") + name) +
                       second);
  };
  auto all = [](const Manifest& manifest) { return flatten({&manifest.templates[0], &manifest.templates[1]}); };
  Manifest same = two("", "", "m");
  EXPECT_NE(error_of(all(same)).find("two metrics have the name \"m\""), std::string::npos);
  Manifest conflict = two("  args: [{name: x, value: '1'}]\n", "  args: [{name: x, value: '2'}]\n", "n");
  EXPECT_NE(error_of(all(conflict)).find("the argument \"x\" has two values: \"1\" and \"2\""), std::string::npos);
  Manifest fine = two("  args: [{name: x}]\n", "  args: [{name: x, value: '2'}]\n", "n");
  EXPECT_EQ(all(fine)->metrics.size(), 2u);
  EXPECT_EQ(all(fine)->args[0].value, "2") << "a value replaces none";
  Manifest rules = two("  dryRun: [{metricName: m}]\n", "  dryRun: [{metricName: m}]\n", "n");
  EXPECT_NE(error_of(all(rules)).find("two rules of dryRun have the name \"m\""), std::string::npos);
}

TEST(Analyses, AreFoundWithTheirArguments) {
  Manifest manifest = manifest_of(kExampleRollout);
  auto all = analyses_of(manifest);
  ASSERT_EQ(all.size(), 1u) << "the template is the Rollout's";
  EXPECT_EQ(all[0].name, "the background analysis of the Rollout fastapi-backend");
  EXPECT_EQ(prepare_analysis(manifest, all[0], {})->spec.args[0].value, "0.01");
  EXPECT_EQ(prepare_analysis(manifest, all[0], {{"error-rate-threshold", "0.5"}})->spec.args[0].value, "0.5");
  auto unknown = prepare_analysis(manifest, all[0], {{"threshold", "0.5"}});
  EXPECT_EQ(error_of(unknown), "--arg threshold: the analysis has no such argument");
  EXPECT_EQ(unknown.error().advice(), "it has error-rate-threshold");
}

// --arg, then the Secret, then the Rollout's value, then the template's.
TEST(Analyses, R49ASecretWinsOverAValue) {
  const std::string kSecret = "valueFrom: {secretKeyRef: {name: s, key: k}}";
  auto prepared = [&](const std::string& of_rollout, const std::string& of_template,
                      std::map<std::string, std::string> given) {
    Manifest manifest = manifest_of(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: api}\nspec: {strategy: {canary: {analysis: "
        "{templates: [{templateName: t}], args: [{name: x, " +
        of_rollout + "}]}}}}\n---\n" + template_text("interval: 1m") + "  args: [{name: x, " + of_template + "}]\n");
    auto spec = prepare_analysis(manifest, analyses_of(manifest).at(0), given);
    if (!spec) return spec.error().message();
    return *spec->spec.args.at(0).value + (spec->secrets.empty() ? "" : " (hidden)");
  };
  const std::string kMissing = "args.x comes from the Secret s (key k), which Ordeal does not read";
  EXPECT_EQ(prepared("value: '1'", "value: '2'", {}), "1");
  EXPECT_EQ(prepared(kSecret, "value: '2'", {}), kMissing);
  EXPECT_EQ(prepared("value: '1'", kSecret, {}), kMissing);
  EXPECT_EQ(prepared(kSecret, "value: '2'", {{"x", "3"}}), "3 (hidden)");
  EXPECT_EQ(prepared("value: '1'", kSecret, {{"x", "3"}}), "3 (hidden)");
  EXPECT_EQ(prepared("value: '1'", "value: '2'", {{"x", "3"}}), "3");
}

TEST(Analyses, R49ASecretMustBeGivenAndIsHidden) {
  Manifest manifest = manifest_of(template_text("interval: 1m") +
                                  "  args: [{name: token, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n");
  auto all = analyses_of(manifest);
  EXPECT_EQ(error_of(prepare_analysis(manifest, all[0], {})),
            "args.token comes from the Secret s (key k), which Ordeal does not read");
  EXPECT_EQ(prepare_analysis(manifest, all[0], {}).error().advice(), "give --arg token=VALUE");
  EXPECT_EQ(prepare_analysis(manifest, all[0], {{"token", "abc"}})->secrets, std::vector<std::string>{"abc"});
}

}  // namespace
}  // namespace ordeal::argo
