// Whole runs: a script of answers, and when each question is asked. Seconds count from the start.
#include "argo/run/analysis_run.h"

#include <map>

#include "argo/testing.h"

namespace ordeal::argo {
namespace {

constexpr Nanos kStart = std::chrono::hours(490'000);

Flattened spec_of(const std::string& metrics, const std::string& rest = "") {
  std::string text = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n" + rest +
                     "  metrics:\n" + metrics;
  Manifest manifest = manifest_of(text);
  return *flatten({&manifest.templates[0]});
}
std::string metric(const std::string& name, const std::string& fields) {
  return "  - {name: " + name +
         ", provider: {prometheus: {address: 'http://p', query: up}}, successCondition: result < 1" +
         (fields.empty() ? "" : ", " + fields) + "}\n";
}

// Answers after 20 ms each: 0 is a success, 1 a failure, nothing an error; past its script a metric repeats the last.
struct Played {
  std::map<std::string, std::vector<double>> asked;  // seconds since the start
  Phase phase = Phase::kRunning;
  std::string message;
  double ended = 0;
  std::map<std::string, Phase> phases;  // of the metrics, at the end
};
using Script = std::map<std::string, std::vector<std::optional<double>>>;

Measurement answer(const AnalysisRun& run, size_t index, const std::optional<double>& value, Nanos now) {
  if (!value) return failed_measurement("connection refused");
  promql::QueryResult result;
  result.kind = promql::ValueKind::kScalar;
  result.scalar = *value;
  return measure(run.metrics()[index], result, run.mode(), now);
}

Played play(const Flattened& spec, const Script& script, Mode mode = Mode::kCompat, Nanos most = 1h,
            std::optional<Nanos> terminate_at = {}) {
  auto created = AnalysisRun::create(spec, mode);
  EXPECT_TRUE(created) << error_of(created);
  AnalysisRun& run = *created;
  Played played;
  Nanos now = kStart;
  RunActions actions = run.start(now);
  while (!run.finished() && now < kStart + most) {
    std::vector<size_t> wanted;
    for (const RunAction& action : actions)
      if (const auto* ask = std::get_if<Measure>(&action)) wanted.push_back(ask->metric);
    for (size_t index : wanted) {
      std::string name = run.metrics()[index].name;
      const auto& answers = script.at(name);
      size_t turn = std::min(played.asked[name].size(), answers.size() - 1);
      played.asked[name].push_back(to_seconds(now - kStart));
      now += 20ms;
      actions = run.handle(now, Measured{index, answer(run, index, answers[turn], now)});
    }
    if (!wanted.empty()) continue;
    Nanos next = run.next_wake().value_or(kStart + most);
    if (terminate_at && next > kStart + *terminate_at) {
      now = kStart + *terminate_at;
      actions = run.handle(now, Terminate{});
      continue;
    }
    now = std::max(now, next);
    actions = run.handle(now, Wake{});
  }
  played.phase = run.phase();
  played.message = run.message();
  played.ended = to_seconds(now - kStart);
  for (const MetricResult& result : run.results()) played.phases[result.name] = result.phase;
  return played;
}

TEST(AnalysisRun, R1ASingleMeasurementDecides) {
  EXPECT_EQ(play(spec_of(metric("m", "")), {{"m", {0}}}).phase, Phase::kSuccessful);
  Played failed = play(spec_of(metric("m", "")), {{"m", {1}}});
  EXPECT_EQ(failed.phase, Phase::kFailed);
  EXPECT_EQ(failed.message, "Metric \"m\" assessed Failed due to failed (1) > failureLimit (0)");
}

TEST(AnalysisRun, R3R5MeasuresSoOftenWithTheIntervalBetween) {
  Played played = play(spec_of(metric("m", "interval: 60s, count: 3")), {{"m", {0}}});
  EXPECT_EQ(played.phase, Phase::kSuccessful);
  ASSERT_EQ(played.asked["m"].size(), 3u);
  EXPECT_NEAR(played.asked["m"][1], 60.02, 1e-6) << "from the end of the first";
  EXPECT_NEAR(played.asked["m"][2], 120.04, 1e-6);
}

TEST(AnalysisRun, R6FiveErrorsInARowTakeFortySeconds) {
  Played played = play(spec_of(metric("m", "interval: 5m")), {{"m", {{}}}});
  EXPECT_EQ(played.phase, Phase::kError);
  EXPECT_EQ(played.message,
            "Metric \"m\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "
            "\"Error Message: connection refused\"");
  EXPECT_EQ(played.asked["m"].size(), 5u);
  EXPECT_NEAR(played.ended, 40.1, 0.1);
}

TEST(AnalysisRun, R33AGoodAnswerForgetsTheErrors) {
  Played played = play(spec_of(metric("m", "interval: 5m, count: 2")), {{"m", {{}, {}, {}, {}, 0, {}, {}, {}, {}, 0}}});
  EXPECT_EQ(played.phase, Phase::kSuccessful);
  EXPECT_EQ(played.asked["m"].size(), 10u);
}

TEST(AnalysisRun, R8InStrictTheTimesAreWholeSeconds) {
  Flattened spec = spec_of(metric("m", "interval: 10s, count: 2"));
  EXPECT_NEAR(play(spec, {{"m", {0}}}, Mode::kStrict).asked["m"][1], 10, 1e-6) << "the first one ended at 0 s";
  EXPECT_NEAR(play(spec, {{"m", {0}}}, Mode::kCompat).asked["m"][1], 10.02, 1e-6);
}

TEST(AnalysisRun, R4AMetricWaitsForItsInitialDelay) {
  Played played = play(spec_of(metric("a", "") + metric("b", "initialDelay: 20s")), {{"a", {0}}, {"b", {0}}});
  EXPECT_EQ(played.phase, Phase::kSuccessful);
  EXPECT_NEAR(played.asked["b"][0], 20.02, 1e-6);
}

TEST(AnalysisRun, R9NothingIsBegunBeforeTheSlowestHasAnswered) {
  AnalysisRun run =
      *AnalysisRun::create(spec_of(metric("a", "interval: 1s") + metric("b", "interval: 30s")), Mode::kCompat);
  EXPECT_EQ(run.start(kStart).size(), 2u) << "both at once";
  EXPECT_TRUE(run.handle(kStart + 1s, Measured{0, answer(run, 0, 0, kStart)}).empty());
  EXPECT_EQ(run.next_wake(), std::nullopt);
  EXPECT_TRUE(run.handle(kStart + 10s, Wake{}).empty()) << "a is due, b has not answered";
  EXPECT_TRUE(run.handle(kStart + 20s, Measured{1, answer(run, 1, 0, kStart)}).empty());
  EXPECT_EQ(run.next_wake(), kStart + 2s + 1ns) << "the earliest";
  EXPECT_EQ(run.handle(kStart + 20s, Wake{}).size(), 1u);
}

TEST(AnalysisRun, R39TheFirstBadMetricEndsTheOthersAsSuccessful) {
  Flattened spec = spec_of(metric("a", "interval: 10s") + metric("b", "interval: 10s, count: 100"));
  Played played = play(spec, {{"a", {0, 1}}, {"b", {0}}});
  EXPECT_EQ(played.phase, Phase::kFailed);
  EXPECT_LT(played.ended, 11);
  EXPECT_EQ(played.phases["a"], Phase::kFailed);
  EXPECT_EQ(played.phases["b"], Phase::kSuccessful);
}

TEST(AnalysisRun, R10ACompletedMetricIsNotMeasuredAgain) {
  Played played = play(spec_of(metric("a", "") + metric("b", "interval: 10s, count: 3")), {{"a", {0}}, {"b", {0}}});
  EXPECT_EQ(played.asked["a"].size(), 1u);
  EXPECT_EQ(played.asked["b"].size(), 3u);
}

TEST(AnalysisRun, R2R40RunsUntilItIsTerminated) {
  Played played = play(spec_of(metric("m", "interval: 60s")), {{"m", {0}}}, Mode::kCompat, 1h, 150s);
  EXPECT_EQ(played.phase, Phase::kSuccessful);
  EXPECT_EQ(played.message, "Run Terminated");
  EXPECT_EQ(played.asked["m"].size(), 3u);
}

TEST(AnalysisRun, R40TerminatedBeforeItBeginsItMeasuresNothing) {
  AnalysisRun run = *AnalysisRun::create(spec_of(metric("m", "interval: 60s")), Mode::kStrict);
  RunActions actions = run.handle(kStart, Terminate{});
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Finished>(actions[0]).message, "Run Terminated");
  EXPECT_EQ(run.phase(), Phase::kSuccessful);
}

TEST(AnalysisRun, R24KeepsTheResolvedQueryAndTheWarnings) {
  Flattened spec = spec_of(metric("m", ""), "  args: [{name: app, value: api}]\n");
  spec.metrics[0].value.at("provider").at("prometheus").at("query") = "up{app=\"{{args.app}}\"}";
  AnalysisRun run = *AnalysisRun::create(spec, Mode::kStrict);
  run.start(kStart);
  EXPECT_EQ(run.results()[0].query, "up{app=\"api\"}");
  promql::QueryResult answer;
  answer.kind = promql::ValueKind::kScalar;
  answer.warnings = {"careful"};
  run.handle(kStart, Measured{0, measure(run.metrics()[0], answer, Mode::kStrict, kStart)});
  EXPECT_EQ(run.results()[0].measurements.at(0).warnings, std::vector<std::string>{"careful"});
}

TEST(AnalysisRun, R40DropsWhatIsUnderWay) {
  AnalysisRun run = *AnalysisRun::create(spec_of(metric("m", "interval: 60s")), Mode::kStrict);
  run.start(kStart);
  RunActions actions = run.handle(kStart + 1s, Terminate{});
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Finished>(actions[0]).message, "Run Terminated");
  EXPECT_TRUE(run.handle(kStart + 2s, Measured{0, {}}).empty());
}

TEST(AnalysisRun, R41ADryRunNeverDecides) {
  Flattened spec = spec_of(metric("good", "interval: 10s, count: 3") + metric("bad", "interval: 10s"),
                           "  dryRun: [{metricName: bad}]\n");
  Played played = play(spec, {{"good", {0}}, {"bad", {1}}});
  EXPECT_EQ(played.phase, Phase::kSuccessful);
  EXPECT_EQ(played.asked["good"].size(), 3u) << "it goes on to its end";
}

TEST(AnalysisRun, R43KeepsSoManyMeasurements) {
  Flattened spec =
      spec_of(metric("m", "interval: 1s, count: 30"), "  measurementRetention: [{metricName: m, limit: 3}]\n");
  AnalysisRun run = *AnalysisRun::create(spec, Mode::kCompat);
  Nanos now = kStart;
  for (run.start(now); !run.finished(); run.handle(now, Wake{})) {
    run.handle(now, Measured{0, answer(run, 0, 0, now)});
    now += 2s;
  }
  EXPECT_EQ(run.results()[0].measurements.size(), 3u);
  EXPECT_EQ(run.results()[0].count, 30);
}

TEST(AnalysisRun, RefusesWhatArgoRefuses) {
  EXPECT_EQ(error_of(AnalysisRun::create(spec_of(metric("m", "count: 2")), Mode::kStrict)),
            "line 6: spec.metrics[0].count: interval must be specified when count > 1");
  EXPECT_EQ(error_of(AnalysisRun::create({}, Mode::kStrict)), "no metrics specified");
  EXPECT_NE(error_of(AnalysisRun::create(spec_of(metric("m", "interval: '{{args.x}}'")), Mode::kStrict))
                .find("failed to resolve {{args.x}}"),
            std::string::npos);
}

// §0.3, as measured on a real controller: a healthy canary is rolled back after some 40 s.
TEST(AnalysisRun, TheExampleOnAVectorIsAnErrorInStrictOnly) {
  Manifest manifest = manifest_of(kExampleRollout);
  Flattened spec = *flatten({&manifest.templates[0]});
  spec.args[0].value = "0.01";
  for (Mode mode : {Mode::kStrict, Mode::kCompat}) {
    AnalysisRun run = *AnalysisRun::create(spec, mode);
    Nanos now = kStart;
    promql::QueryResult healthy;
    healthy.vector.push_back({{}, 0.002});
    int asked = 0;
    for (RunActions actions = run.start(now); !run.finished() && now < kStart + 10min;) {
      bool ask = !actions.empty();
      asked += ask;
      if (!ask) now = *run.next_wake();
      actions =
          ask ? run.handle(now, Measured{0, measure(run.metrics()[0], healthy, mode, now)}) : run.handle(now, Wake{});
    }
    EXPECT_EQ(run.phase(), mode == Mode::kStrict ? Phase::kError : Phase::kRunning);
    EXPECT_EQ(asked, mode == Mode::kStrict ? 5 : 10);
    if (mode == Mode::kCompat) continue;
    EXPECT_EQ(now - kStart, 40s + 1ns);
    EXPECT_TRUE(run.message().starts_with(
        "Metric \"error-rate\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): "
        "\"Error Message: could not evaluate successCondition \"result < 0.01\": "))
        << run.message();
  }
}

}  // namespace
}  // namespace ordeal::argo
