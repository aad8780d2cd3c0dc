#include "run/report/summary.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "run/report/html/markup.h"
#include "run/report/html/scale.h"
#include "run/report/html/series.h"
#include "sample_run/sample_run.h"

namespace ordeal::report {
namespace {

TEST(Summary, FindsPhasesImpactsBreachAndLatencies) {
  RunSummary summary = summarize(sample_run());
  EXPECT_EQ(summary.name, "Network Latency - 500ms delay");
  EXPECT_EQ(summary.seed, 42u);
  EXPECT_EQ(summary.victims.size(), 3u);
  ASSERT_EQ(summary.phases.size(), 6u);
  for (size_t i = 1; i < summary.phases.size(); ++i) EXPECT_EQ(summary.phases[i - 1].end, summary.phases[i].begin);
  ASSERT_EQ(summary.impacts.size(), 3u);
  ASSERT_EQ(summary.proofs.size(), 3u);
  for (const events::Proven& one : summary.proofs) EXPECT_TRUE(one.proof.proven) << one.victim;
  EXPECT_TRUE(summary.all_reverted_clean());
  ASSERT_EQ(summary.breaches.size(), 1u);
  EXPECT_EQ(summary.breach_to_halt(), Nanos(0));
  EXPECT_EQ(summary.halt_to_reverted(), Nanos(27ms));
  EXPECT_NEAR(to_seconds(*summary.detection()), 7.1, 0.2);
  EXPECT_EQ(summary.verdict->outcome, "deviated");
  EXPECT_EQ(summary.wall(summary.begin), "2026-11-23T20:15:04.000Z");
}

TEST(Summary, TheStoryLeavesOutReadingsThatDoNotCount) {
  std::vector<RunEvent> events = sample_run();
  std::get<events::Run>(events[0].data).expectations[0].when = {When::kBefore};
  auto told = [](const RunSummary& summary) {
    return std::count_if(summary.timeline.begin(), summary.timeline.end(), [](const RunEvent& event) {
      const auto* look = as<events::Look>(event);
      return look && look->expectation == 0;
    });
  };
  EXPECT_EQ(told(summarize(events)), 0);
  EXPECT_GT(told(summarize(sample_run())), 0);
}

TEST(Summary, JudgesEachTimeOfAnExpectation) {
  RunSummary summary = summarize(sample_run());
  const ExpectationSummary& latency = summary.expectations[0];
  EXPECT_EQ(latency.when[0].status, ExpectationStatus::kHeld);
  EXPECT_EQ(latency.when[1].status, ExpectationStatus::kBreached);
  EXPECT_EQ(latency.when[2].status, ExpectationStatus::kHeld);
  EXPECT_EQ(latency.status(), ExpectationStatus::kBreached);
  EXPECT_GT(*latency.when[1].value, 1.0);
  EXPECT_LT(*latency.when[2].value, 0.5) << "of the recovery, the end counts";
  EXPECT_GT(summary.expectations[1].when[0].without_data, 5u);
}

TEST(Summary, OfAnInterruptedRunLeavesImpactsOpen) {
  SampleOptions options;
  options.verdict = false;
  RunSummary summary = summarize(sample_run(options));
  EXPECT_FALSE(summary.verdict);
  EXPECT_FALSE(summary.impacts[0].end);
  EXPECT_FALSE(summary.all_reverted_clean());
  EXPECT_FALSE(summary.halt_to_reverted());
  EXPECT_EQ(summary.attack_end(), summary.end);
  EXPECT_EQ(summary.expectations[0].when[2].status, ExpectationStatus::kNotReached);
}

TEST(Summary, TellsEachOfThreeVictimsByItsNumber) {
  RunSummary summary = summarize(sample_run());
  ASSERT_EQ(summary.impacts.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const ImpactSummary& impact = summary.impacts[static_cast<size_t>(i)];
    EXPECT_EQ(impact.id, i);
    EXPECT_EQ(impact.victim, fmt::format("api-{}", i + 1));
    EXPECT_EQ(*impact.end, *summary.attack_end() - 9ms * (2 - i)) << "each has its own end";
  }
}

TEST(Summary, TellsWhoWentAndWhoCouldNotBeHit) {
  RunSummary summary = summarize(sample_run(troubled_sample()));
  ASSERT_EQ(summary.impacts.size(), 3u);
  EXPECT_EQ(summary.impacts[1].gone, "its first process has ended");
  EXPECT_TRUE(summary.impacts[0].gone.empty() && summary.impacts[2].gone.empty());
  EXPECT_LT(*summary.impacts[1].end, *summary.impacts[0].end);
  ASSERT_EQ(summary.failed.size(), 1u);
  EXPECT_EQ(summary.failed[0].victim, "api-4");
}

TEST(Summary, SaysWhatANewerOrdealWroteThatIsLeftOut) {
  std::vector<RunEvent> events = sample_run();
  size_t told = summarize(events).timeline.size();
  for (int i = 0; i < 2; ++i) {
    events.push_back(events.back());
    events.back().data = events::Unknown{"weather", {{"sky", "grey"}}};
  }
  RunSummary summary = summarize(events);
  EXPECT_EQ(summary.notes.back(), "2 events of type \"weather\" are left out: a newer Ordeal wrote this record");
  EXPECT_EQ(summary.timeline.size(), told);
}

TEST(Summary, AReadingOfNoExpectationBelongsToNone) {
  std::vector<RunEvent> events = sample_run();
  for (RunEvent& event : events)
    if (auto* look = std::get_if<events::Look>(&event.data)) look->expectation = 99;
  EXPECT_TRUE(summarize(events).expectations[0].samples.empty());
}

RunSummary summary_of_kind(const std::string& name) {
  for (const SampleKind& kind : sample_kinds())
    if (kind.name == name) return summarize(sample_run(kind.options));
  ADD_FAILURE() << name;
  return {};
}

TEST(Summary, SaysHowBadItWasAndWhenItWasBack) {
  RunSummary summary = summarize(sample_run());
  const EffectSummary& effect = summary.expectations[0].effect;
  EXPECT_TRUE(effect.left);
  EXPECT_NEAR(*effect.factor, *effect.during / *effect.before, 1e-9);
  EXPECT_GT(*effect.factor, 4);
  ASSERT_TRUE(effect.recovered);
  EXPECT_EQ(*effect.back - *summary.attack_end(), *effect.recovered);
  EXPECT_LT(*effect.recovered, 1s);
  EXPECT_GE(*summary.expectations[0].when[2].worst, *summary.expectations[0].when[2].value);
  EXPECT_EQ(summary.slowest()->name, "p95 latency");
  EXPECT_FALSE(summary.expectations[1].effect.left);
}

// One expectation below 1, the fault from 1 s to 2 s, and these readings each half second.
EffectSummary effect_of_readings(const std::vector<double>& values, std::vector<When> when = {When::kDuring}) {
  ExpectationSummary expectation;
  expectation.threshold = Threshold{"<", 1};
  for (When each : when) expectation.when.push_back({each, {}, 0, 0, {}, {}});
  for (size_t i = 0; i < values.size(); ++i) {
    BootTime at = BootTime(500ms * static_cast<int64_t>(i));
    Phase phase = at < BootTime(1s) ? Phase::kBefore : at < BootTime(2s) ? Phase::kDuring : Phase::kAfter;
    expectation.samples.push_back({at, phase, values[i] < 1 ? Reading::kHolds : Reading::kBreached, values[i], "", ""});
  }
  return effect_of(expectation, BootTime(1s), BootTime(2s));
}

TEST(Effect, IsBackWithTheFirstReadingAfterTheLastOneOutside) {
  EffectSummary effect = effect_of_readings({0.1, 0.2, 2, 3, 2, 0.5, 1.5, 0.4, 0.3});
  EXPECT_EQ(effect.recovered, Nanos(1500ms));
  EXPECT_EQ(effect.before, 0.2);
  EXPECT_EQ(effect.during, 3);
  EXPECT_EQ(effect.after, 2);
  EXPECT_NEAR(*effect.factor, 15, 1e-9);
  EXPECT_EQ(effect_of_readings({0.1, 0.2, 2, 0.5, 0.5, 0.5}).recovered, Nanos(0)) << "before the fault was off";
  EXPECT_FALSE(effect_of_readings({0.1, 0.2, 2, 2, 2, 2}).recovered);
  EXPECT_TRUE(effect_of_readings({0.1, 0.2, 2, 2, 2, 2}).left);
  EXPECT_FALSE(effect_of_readings({2, 2, 0.5, 0.5}).left) << "what was so before the fault is not its doing";
  EXPECT_FALSE(effect_of_readings({0.1, 0.1, 2, 2}, {When::kBefore}).left) << "nobody asked for more than the baseline";
  EXPECT_FALSE(effect_of_readings({0, 0, 2, 2}).factor) << "nothing is a multiple of 0";
}

TEST(Summary, AKillIsWhereItHappenedAndAVictimIsBackOrNot) {
  RunSummary killed = summary_of_kind("killed");
  ASSERT_EQ(killed.impacts.size(), 1u);
  const ImpactSummary& impact = killed.impacts[0];
  EXPECT_TRUE(impact.one_way);
  EXPECT_EQ(killed.attack_begin(), impact.begin + 4s) << "and not where its delay began";
  EXPECT_EQ(impact.there, true);
  EXPECT_EQ(impact.back, Nanos(1300ms));
  EXPECT_TRUE(killed.dead().empty());
  EXPECT_FALSE(killed.halt_to_reverted());
  RunSummary dead = summary_of_kind("dead");
  EXPECT_EQ(dead.dead(), (std::vector<std::string>{"api-1"}));
  EXPECT_FALSE(dead.impacts[0].back);
}

TEST(Summary, ARunThatEndedBeforeItsKillHitNobody) {
  std::vector<RunEvent> events;
  for (const SampleKind& kind : sample_kinds())
    if (kind.name == "killed") events = sample_run(kind.options);
  auto last = std::find_if(events.begin(), events.end(), [](auto& event) { return as<events::Injected>(event); });
  events.erase(last + 3, events.end());
  RunSummary summary = summarize(events);
  ASSERT_EQ(summary.impacts.size(), 1u);
  EXPECT_FALSE(summary.attack_begin());
  EXPECT_FALSE(summary.attack_end());
}

TEST(Series, KeepsTheExtremesWhenThinned) {
  Line line;
  for (int i = 0; i < 9000; ++i) line.push_back({BootTime(i * 100ms), std::sin(i / 50.0)});
  line[4567].value = 99;
  line[1234].value = -99;
  std::vector<Line> thinned = thin({line}, 600);
  ASSERT_EQ(thinned.size(), 1u);
  EXPECT_LE(thinned[0].size(), 600u);
  EXPECT_GT(thinned[0].size(), 500u);
  auto has = [&](double value) {
    return std::any_of(thinned[0].begin(), thinned[0].end(), [&](auto& point) { return point.value == value; });
  };
  EXPECT_TRUE(has(99) && has(-99));
  for (size_t i = 1; i < thinned[0].size(); ++i) EXPECT_LT(thinned[0][i - 1].at, thinned[0][i].at);
}

TEST(Series, NeverExceedsItsPointsHoweverManyGapsThereAre) {
  std::vector<Sample> samples;
  for (int i = 0; i < 6000; ++i) {
    Sample sample;
    sample.at = BootTime(i * 200ms);
    if (i % 2) sample.value = i;
    samples.push_back(sample);
  }
  size_t total = 0;
  for (const Line& line : thin(lines_of(samples), 300)) total += line.size();
  EXPECT_LE(total, 300u);
}

TEST(Series, BreaksTheLineWhereNothingWasRead) {
  std::vector<Sample> samples;
  for (int i : {0, 1, 2, 3, 20, 21}) {
    Sample sample;
    sample.at = BootTime(i * 200ms);
    sample.value = i;
    samples.push_back(sample);
  }
  samples[1].value.reset();
  std::vector<Line> lines = lines_of(samples);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(gaps_of(samples, lines).size(), 2u);
  EXPECT_TRUE(lines_of({}).empty());
  EXPECT_TRUE(gaps_of({}, {}).empty());
}

TEST(Scale, TicksAreRoundAndCoverTheRange) {
  EXPECT_EQ(nice_ticks(0, 1.1, 4), (std::vector<double>{0, 0.5, 1, 1.5}));
  EXPECT_EQ(nice_ticks(0, 100, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  for (double high : {1e-7, 0.0123, 0.97, 1.0, 3.3, 17.0, 250.0, 99999.0}) {
    std::vector<double> ticks = nice_ticks(-high / 7, high, 4);
    EXPECT_LE(ticks.size(), 6u) << high;
    EXPECT_GE(ticks.size(), 2u) << high;
    EXPECT_LE(ticks.front(), -high / 7 * (1 - 1e-6));
    EXPECT_GE(ticks.back(), high * (1 - 1e-6));
  }
}

TEST(Scale, TimeTicksAreFew) {
  for (Nanos length : {Nanos(900ms), Nanos(29s), Nanos(640s), Nanos(2h), Nanos(200h)}) {
    EXPECT_LE(time_ticks(length, 10).size(), 11u);
    EXPECT_GE(time_ticks(length, 10).size(), 4u);
  }
  EXPECT_EQ(time_ticks(30s, 6)[1], Nanos(5s));
}

TEST(Scale, ElapsedTimeIsAClock) { EXPECT_EQ(format_elapsed(67s), "1:07"); }

TEST(Markup, EscapesAndCloses) {
  Markup markup;
  markup.open("p", {{"title", "a\"b<c>&'"}}).text("1 < 2 & 3").empty("br");
  EXPECT_EQ(markup.take(), "<p title=\"a&quot;b&lt;c&gt;&amp;&#39;\">1 &lt; 2 &amp; 3<br/></p>");
  EXPECT_EQ(escape("\x1b\x80\xc0\xaf\xed\xa0\x80 é"), "\\x1b\\x80\\xc0\\xaf\\xed\\xa0\\x80 é");
  EXPECT_EQ(escape("a\n\tb\xe2\x80\xae\x7f\xef\xbf\xbf"), "a\n\tb\\u202e\\x7f\\uffff")
      << "what XML forbids, and what turns text";
  EXPECT_EQ(coordinate(12.04), "12");
  EXPECT_EQ(coordinate(-0.04), "0");
  EXPECT_EQ(coordinate(12.37), "12.4");
  EXPECT_EQ(coordinate(NAN), "0");
}

}  // namespace
}  // namespace ordeal::report
