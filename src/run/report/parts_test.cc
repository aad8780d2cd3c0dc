// What is said of several attacks in one run.
#include <gtest/gtest.h>

#include "run/report/report.h"
#include "run/report/run_metrics.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

BootTime instant(double second) { return BootTime(from_seconds(second)); }

events::Run run_of_two() {
  events::Run run;
  run.name = "two";
  run.attack.type = kCombined;
  run.attack.length = 30s;
  run.victims = {"api"};
  run.parts = {{"cpu", "cpu", {{"percent", 50}}, {"percent"}, 0s, 30s, "", {"api"}},
               {"slow", "latency", {{"delay", "1s"}}, {}, 10s, 20s, "5s on, 5s off", {"api"}}};
  return run;
}

std::vector<RunEvent> events_of_two() {
  auto step = [](StepKind kind) { return std::vector<Step>{{kind, "api", "do it", "undo it", "proof", {}, {}}}; };
  std::vector<std::pair<double, events::Data>> told{
      {0, run_of_two()},
      {1, events::Injected{"api", 0, step(StepKind::kOwned), "cpu"}},
      {11, events::Injected{"api", 1, step(StepKind::kOwned), "slow"}},
      {16, events::Reverted{1, "api", instant(11), instant(16), 1ms, events::RevertResult::kClean, "", "", "slow"}},
      {16, events::Proven{"api", Proof{true, "delayed", "", 1, 1, ""}, 1, "slow"}},
      {21, events::Injected{"api", 2, step(StepKind::kOwned), "slow"}},
      {26, events::Reverted{2, "api", instant(21), instant(26), 1ms, events::RevertResult::kClean, "", "", "slow"}},
      {26, events::Proven{"api", Proof{false, "nothing", "no packet", 1, 0, ""}, 2, "slow"}},
      {31, events::Reverted{0, "api", instant(1), instant(31), 1ms, events::RevertResult::kClean, "", "", "cpu"}},
      {31, events::Proven{"api", Proof{true, "burned", "", 1, 1, ""}, 0, "cpu"}}};
  std::vector<RunEvent> events;
  for (auto& [second, data] : told) {
    events.push_back({static_cast<int64_t>(events.size()), "r1", instant(second), Nanos(0), std::move(data)});
    EXPECT_TRUE(run_event_from_json(to_json(events.back())));
  }
  return events;
}

TEST(SeveralAttacks, AreSaidWithTheirTimes) {
  EXPECT_EQ(attack_in_words(summarize(events_of_two())),
            "cpu (percent 50) for 30\u00a0s on 1 victim: api; slow: latency for 20\u00a0s on 1 victim: api, 5s on, 5s "
            "off, from "
            "10\u00a0s on");
}

TEST(SeveralAttacks, EachTimeInForceIsASpanOfItsOwn) {
  std::vector<ForceSpan> spans = summarize(events_of_two()).spans_in_force();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].part, "cpu");
  EXPECT_EQ(spans[0].end, instant(31));
  EXPECT_EQ(spans[1].begin, instant(11));
  EXPECT_EQ(spans[2].begin, instant(21));
  EXPECT_EQ(spans[2].end, instant(26));
}

TEST(SeveralAttacks, EachImpactHasItsOwnProof) {
  RunSummary summary = summarize(events_of_two());
  ASSERT_EQ(summary.impacts.size(), 3u);
  EXPECT_EQ(summary.proof_of(summary.impacts[0])->measured, "burned");
  EXPECT_EQ(summary.proof_of(summary.impacts[1])->measured, "delayed");
  EXPECT_FALSE(summary.proof_of(summary.impacts[2])->proven);
  EXPECT_EQ(summary.unproven(), std::vector<std::string>{"slow on api"});
}

TEST(SeveralAttacks, EveryReportNamesThem) {
  RunSummary summary = summarize(events_of_two());
  for (const std::string& text : {text_report(summary), html_report(summary), markdown_report(summary)}) {
    EXPECT_NE(text.find("slow on api"), std::string::npos) << text;
    EXPECT_NE(text.find("cpu on api"), std::string::npos);
  }
  json::Value report = json::parse(json_report(summary)).value();
  EXPECT_EQ(report.at_pointer("/attack/parts/1/course").as_string(), "5s on, 5s off");
  EXPECT_EQ(report.at_pointer("/impacts/1/part").as_string(), "slow");
  EXPECT_EQ(report.at_pointer("/proofs/1/impact").as_int64(), 2);
}

TEST(SeveralAttacks, AreCountedByTheirTypes) {
  metrics::Registry registry;
  RunMetrics metrics(registry);
  std::vector<RunEvent> events = events_of_two();
  for (size_t i = 0; i < 3; ++i) metrics.apply(events[i]);
  auto active = [&](const char* attack) {
    return registry.gauge("ordeal_impacts_active", "Impacts in force.", {{"attack", attack}}).value();
  };
  EXPECT_EQ(active("cpu"), 1);
  EXPECT_EQ(active("latency"), 1);
  metrics.apply(events[3]);
  EXPECT_EQ(active("cpu"), 1);
  EXPECT_EQ(active("latency"), 0);
}

}  // namespace
}  // namespace ordeal::report
