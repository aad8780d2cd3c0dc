#include "run/report/report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "run/report/html/chart.h"
#include "run/report/html/flags.h"
#include "run/report/html/scale.h"
#include "run/report/index_page.h"
#include "run/report/well_formed.h"
#include "run/report/wording.h"
#include "sample_run/sample_run.h"

namespace ordeal::report {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
size_t count_of(const std::string& text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

RunSummary summary_of(const SampleOptions& options) { return summarize(sample_run(options)); }
SampleOptions interrupted() {
  SampleOptions options;
  options.verdict = false;
  return options;
}

// Every text of the sample replaced by what would break a page that does not escape.
json::Value poisoned(const json::Value& value) {
  static const std::string kPoison = "<script>alert(1)</script>\"'&]]>\x1b[31m\x80 `|*";
  static const std::set<std::string> kStructure{"phase",  "reading", "op",   "impact", "by",
                                                "result", "outcome", "kind", "level"};
  if (value.is_string()) return json::Value(kPoison + std::string(value.get_string()));
  if (value.is_array()) {
    json::Array array;
    for (const json::Value& item : value.get_array()) array.push_back(poisoned(item));
    return array;
  }
  if (!value.is_object()) return value;
  json::Object object;
  for (const auto& [key, item] : value.get_object())
    object[key] = kStructure.count(std::string(key)) || key == "when" ? item : poisoned(item);
  return object;
}

RunSummary poisoned_summary() {
  std::vector<RunEvent> events = sample_run();
  for (RunEvent& event : events) {
    auto data = events::read(events::type_of(event.data), poisoned(events::to_json(event.data)));
    EXPECT_TRUE(data) << data.error().message();
    event.data = *data;
  }
  return summarize(events);
}

TEST(HtmlReport, IsWellFormedAndItsIdsAreUniqueAndFound) {
  for (const SampleOptions& options : {SampleOptions{}, held_sample(), interrupted()}) {
    std::string page = html_report(summary_of(options));
    WellFormed checker;
    EXPECT_EQ(checker.check(page), "");
    for (const std::string& id : checker.ids()) EXPECT_EQ(checker.ids().count(id), 1u) << id;
    for (const std::string& reference : checker.references())
      EXPECT_TRUE(reference.starts_with("#") && checker.ids().count(reference.substr(1))) << reference;
    EXPECT_EQ(checker.elements().count("svg"), 6u) << "three expectations, wide and narrow";
    EXPECT_EQ(checker.elements().count("title"), 7u);
    EXPECT_EQ(checker.elements().count("script"), 1u) << "its own";
  }
}

TEST(HtmlReport, NeedsNothingFromElsewhere) {
  std::string page = html_report(summary_of({}));
  for (const char* outside : {"src=", "@import", "url(http", "<link", "javascript:", "onload"})
    EXPECT_FALSE(has(page, outside)) << outside;
}

TEST(HtmlReport, SaysWhatWasLearned) {
  std::string page = html_report(summary_of({}));
  for (const char* part :
       {"Hypothesis: System maintains p95 latency &lt; 1s", "The hypothesis did not hold",
        "p95 latency reached 1.03 s (limit: below 1 s)", "latency (delay 500ms, port 8000)", "protocol tcp",
        "3 victims: api-1, api-2, api-3", "3 of 3", "must stay below 1\u00a0s", "limit 1\u00a0%", "no data",
        "breach 1.03\u00a0s", "fault off", "What to do next", "prefers-color-scheme"})
    EXPECT_TRUE(has(page, part)) << part;
  EXPECT_TRUE(has(html_report(summary_of(held_sample())), "The hypothesis held"));
  EXPECT_TRUE(has(html_report(summary_of(interrupted())), "no revert was seen"));
}

TEST(HtmlReport, EscapesEverything) {
  RunSummary summary = poisoned_summary();
  std::string page = html_report(summary), xml = junit_report(summary), markdown = markdown_report(summary);
  EXPECT_EQ(WellFormed().check(page), "");
  EXPECT_EQ(WellFormed().check(xml), "");
  for (const std::string& report : {xml, markdown}) EXPECT_FALSE(has(report, "<script")) << report.substr(0, 200);
  EXPECT_EQ(count_of(page, "<script"), 1u) << "the page's own";
}

TEST(HtmlReport, OfTenMinutesAtFiveReadingsASecondIsBelow100Kilobytes) {
  EXPECT_LT(html_report(summary_of(long_sample())).size(), 100'000u);
}

TEST(HtmlReport, OfNoEventsIsStillAPage) {
  EXPECT_EQ(WellFormed().check(html_report(summarize({}))), "");
  EXPECT_EQ(WellFormed().check(junit_report(summarize({}))), "");
  EXPECT_TRUE(has(markdown_report(summarize({})), "no verdict"));
}

TEST(JunitReport, HasOneCaseForEachExpectationAndTimeAndThreeForTheRun) {
  std::string xml = junit_report(summary_of({}));
  EXPECT_EQ(WellFormed().check(xml), "");
  EXPECT_EQ(count_of(xml, "<testcase "), 3 * 3 + 3u);
  EXPECT_TRUE(has(xml, "tests=\"12\" failures=\"2\" errors=\"0\" skipped=\"0\"")) << xml;
  EXPECT_TRUE(has(xml, "name=\"p95 latency (during)\""));
  EXPECT_EQ(count_of(xml, "<failure "), 2u) << "the breached expectation and the verdict";
}

TEST(JunitReport, IsGreenExactlyWhenTheHypothesisHeld) {
  EXPECT_TRUE(has(junit_report(summary_of(held_sample())), "failures=\"0\" errors=\"0\" skipped=\"0\""));
  std::string cut = junit_report(summary_of(interrupted()));
  EXPECT_TRUE(has(cut, "<error message=\"Interrupted"));
  EXPECT_TRUE(has(cut, "<skipped message=\"not reached"));
  EXPECT_TRUE(has(cut, "no revert was recorded"));
}

TEST(JsonReport, IsReadBackWithItsTimings) {
  json::Value value = *json::parse(json_report(summary_of({})));
  EXPECT_EQ(value.at("verdict").at("outcome").as_string(), "deviated");
  EXPECT_NEAR(value.at("timings").at("halt_to_reverted_ms").to_number<double>(), 27, 0.01);
  EXPECT_NEAR(value.at("timings").at("breach_to_halt_ms").to_number<double>(), 0, 0.01);
  EXPECT_EQ(value.at("expectations").as_array().size(), 3u);
  EXPECT_EQ(value.at("expectations").at(0).at("standing").as_string(), "breached");
  EXPECT_EQ(json::parse(json_report(summary_of(interrupted())))->at("verdict").at("outcome").as_string(),
            "interrupted");
}

TEST(JsonReport, HasTheNumberOfEachOfThreeImpacts) {
  json::Value value = *json::parse(json_report(summary_of({})));
  const json::Array& impacts = value.at("impacts").as_array();
  ASSERT_EQ(impacts.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const json::Value& impact = impacts[static_cast<size_t>(i)];
    EXPECT_EQ(impact.at("impact"), i);
    EXPECT_EQ(impact.at("victim").as_string(), fmt::format("api-{}", i + 1));
    EXPECT_EQ(impact.at("result"), "clean");
  }
}

TEST(EveryReport, TellsOfTheRollback) {
  RunSummary summary = summary_of({});
  constexpr const char* kAction = "run /usr/local/bin/rollback --to previous";
  for (const std::string& report :
       {html_report(summary), json_report(summary), junit_report(summary), markdown_report(summary)})
    EXPECT_NE(report.find(kAction), std::string::npos) << report.substr(0, 100);
  ASSERT_EQ(summary.actions.size(), 1u);
  EXPECT_TRUE(summary.actions[0].ok);
}

TEST(MarkdownReport, TellsTheVerdictAndATable) {
  std::string text = markdown_report(summary_of({}));
  EXPECT_TRUE(has(text, "**✕ The hypothesis did not hold**: p95 latency reached 1.03 s"));
  EXPECT_TRUE(has(text, "| p95 latency | must stay below 1\u00a0s | ✓ "));
  EXPECT_TRUE(has(text, "| api-1 | ✓ 4 127 packets delayed"));
}

TEST(Notes, StandInEveryReport) {
  RunSummary summary = summary_of({});
  std::string note = "error rate had no data for 1.8 s during the baseline";
  EXPECT_TRUE(has(markdown_report(summary), "## Notes\n\n- " + note + "\n"));
  EXPECT_TRUE(has(junit_report(summary), "<property name=\"note\" value=\"" + note + "\"/>"));
  EXPECT_TRUE(has(html_report(summary), note));
}

TEST(Wording, GuidesAfterAFailedRevertFirst) {
  RunSummary summary = summary_of({});
  summary.impacts[0].result = events::RevertResult::kFailed;
  summary.impacts[0].error = "the qdisc was changed by another program";
  summary.verdict->outcome = "revert failed";
  EXPECT_TRUE(has(next_steps(summary).front(), "changed by another program"));
  EXPECT_EQ(headline_of(summary).tone, Tone::kAlarm);
}

TEST(Wording, KnowsEveryOutcome) {
  for (int i = 0; i <= static_cast<int>(Outcome::kRevertFailed); ++i) {
    auto outcome = static_cast<Outcome>(i);
    bool is_error = outcome == Outcome::kError;
    EXPECT_EQ(headline_of(to_text(outcome)).title == "Ordeal failed", is_error) << to_text(outcome);
  }
}

RunSummary kind_of_run(const std::string& name) {
  for (const SampleKind& kind : sample_kinds())
    if (kind.name == name) return summary_of(kind.options);
  ADD_FAILURE() << name;
  return {};
}
std::vector<std::string> all_formats(const RunSummary& summary) {
  return {html_report(summary), markdown_report(summary), junit_report(summary), json_report(summary),
          text_report(summary)};
}
// Spaces of every kind, and breaks, as one plain space.
std::string flat(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    bool wide = rest.starts_with("\u00a0") || rest.starts_with("\u2009");
    if (!wide && rest[0] != ' ' && rest[0] != '\n' && rest[0] != '\\')
      out += rest[0];
    else if ((wide || rest[0] != '\\') && !out.ends_with(' '))
      out += ' ';
    rest.remove_prefix(wide ? (rest.starts_with("\u00a0") ? 2 : 3) : 1);
  }
  return out;
}
void expect_everywhere(const RunSummary& summary, const std::string& text) {
  for (const std::string& report : all_formats(summary))
    EXPECT_TRUE(has(flat(report), text)) << text << "\n" << report.substr(0, 300);
}

TEST(EveryReport, SaysWhenItWasBackAndHowMuchWorseItWas) {
  RunSummary summary = summary_of({});
  const EffectSummary& effect = summary.expectations[0].effect;
  expect_everywhere(summary, flat(fmt::format("back within its limit {} after the fault was off",
                                              format_latency(*effect.recovered))));
  expect_everywhere(summary, flat(fmt::format("({:.1f}×)", *effect.factor)));
}

TEST(EveryReport, OfAKillSaysThatNothingIsToBeRevertedAndWhetherTheVictimCameBack) {
  RunSummary killed = kind_of_run("killed"), dead = kind_of_run("dead");
  expect_everywhere(killed, "nothing to revert");
  expect_everywhere(killed, "running again 1.3 s after the kill");
  expect_everywhere(dead, "nothing to revert");
  expect_everywhere(dead, "did not come back before the run ended");
  EXPECT_TRUE(has(html_report(dead), "<li class=\"bad\"><b>✕\u00a0not running</b>"));
  for (const std::string& report : all_formats(dead)) EXPECT_FALSE(has(report, "left behind")) << report.substr(0, 300);
  for (const std::string& report : all_formats(dead)) EXPECT_FALSE(has(report, "✓ clean")) << report.substr(0, 300);
  EXPECT_TRUE(has(next_steps(dead).front(), "api-1 did not come back"));
  EXPECT_TRUE(has(html_report(killed), ">✕ kill</text>"));
}

TEST(EveryReport, OfAVictimThatWentAwayIsNotGreenAboutIt) {
  RunSummary summary = summary_of(troubled_sample());
  for (ImpactSummary& impact : summary.impacts) impact.result = events::RevertResult::kClean;
  ASSERT_EQ(summary.gone(), std::vector<std::string>{"api-2"});
  expect_everywhere(summary, "the victim went away: its first process has ended; whether it is back is not known");
  for (const std::string& report : all_formats(summary)) {
    EXPECT_FALSE(has(report, "left behind")) << report.substr(0, 300);
    EXPECT_FALSE(has(report, "api-2: ✓ clean")) << report.substr(0, 300);
  }
  EXPECT_EQ(revert_in_words(summary.impacts[1]).tone, Tone::kNeutral);
  EXPECT_EQ(revert_in_words(summary.impacts[0]).tone, Tone::kGood);
  EXPECT_TRUE(has(html_report(summary), "<b>–\u00a0fault off</b>"));
  EXPECT_TRUE(has(junit_report(summary), "<skipped message=\"fault off; api-2: the victim went away"));
  EXPECT_TRUE(has(next_steps(summary).front(), "api-2 went away during the attack"));
  summary.impacts[1].gone.clear();
  EXPECT_TRUE(has(html_report(summary), "left behind")) << "nobody went";
}

TEST(EveryReport, SaysWhatWasAskedAndWhatWasHit) {
  expect_everywhere(kind_of_run("dead"), "asked 50 %, hit 1 of 3 (33 %)");
}

TEST(EveryReport, ABreachWithoutAProvenImpactIsNoPlainDeviation) {
  RunSummary summary = kind_of_run("not-proven");
  EXPECT_EQ(summary.verdict->outcome, "deviated");
  expect_everywhere(summary, "did not hold, but the fault was not confirmed");
}

TEST(EveryReport, AFailedRollbackIsRedAndTheFirstThingToDo) {
  RunSummary summary = kind_of_run("failed-rollback");
  EXPECT_TRUE(has(html_report(summary), "<li class=\"bad\"><b>✕\u00a0rollback failed</b>"));
  EXPECT_TRUE(has(next_steps(summary).front(), "The rollback failed"));
  expect_everywhere(summary, "ollback failed");
  EXPECT_TRUE(has(html_report(kind_of_run("failed-revert")), "<li class=\"alarm\"><b>!\u00a0not reverted</b>"));
  EXPECT_TRUE(has(next_steps(kind_of_run("failed-revert")).front(), "api-3 was not reverted"));
}

TEST(EveryReport, ACountedBreachSaysWhatWasCounted) {
  RunSummary summary = kind_of_run("counted");
  ASSERT_EQ(summary.breaches.size(), 1u);
  EXPECT_TRUE(summary.breaches[0].counted());
  expect_everywhere(summary, "requests took longer than 1 s");
}

TEST(EveryReport, HasNoNumberWhereThereWasNoData) {
  std::vector<RunEvent> events = sample_run();
  for (RunEvent& event : events)
    if (auto* breach = std::get_if<events::Breach>(&event.data)) {
      breach->value.reset();
      breach->text = "p95 latency returned no data (http_requests_total)";
    }
  RunSummary summary = summarize(events);
  EXPECT_TRUE(has(html_report(summary), "p95 latency returned no data"));
  for (const std::string& report : all_formats(summary)) EXPECT_FALSE(has(report, "no value"));
}

TEST(IndexPage, ListsRunsAndLinksTheReportsThatThereAre) {
  std::string page = html_index({{"r1", "<b>", "2026-11-23T20:15:04Z", "deviated", "latency on 1 victim: a", "r1.html"},
                                 {"r2", "second", "2026-11-23T20:14:04Z", "running", "", ""}});
  WellFormed checker;
  EXPECT_EQ(checker.check(page), "");
  EXPECT_EQ(checker.elements().count("a"), 1u);
  EXPECT_EQ(checker.elements().count("script"), 0u);
  for (const char* part :
       {"&lt;b&gt;", "href=\"r1.html\"", "✕ deviated", "… running", "2 runs, the newest first", "2026-11-23 20:15:04"})
    EXPECT_TRUE(has(page, part)) << part;
  EXPECT_TRUE(has(html_index({}), "No runs yet"));
}

TEST(Axes, OfAShortRunRepeatNoLabel) {
  EXPECT_EQ(elapsed_labels(time_ticks(900ms, 10))[1], "0.1\u00a0s");
  EXPECT_EQ(elapsed_labels(time_ticks(60s, 6))[1], "0:10");
}

TEST(Flags, NeverCoverEachOther) {
  std::vector<Flag> flags;
  for (double x : {60.0, 300.0, 300.5, 301.0, 360.0, 420.0, 700.0, 850.0, 851.0})
    flags.push_back({x, "", "◆ breach 1.24 s"});
  size_t rows = place_flags(flags, 880);
  EXPECT_LE(rows, 5u);
  for (size_t i = 0; i < flags.size(); ++i)
    for (size_t j = i + 1; j < flags.size(); ++j) {
      if (flags[i].row != flags[j].row) continue;
      double right = flags[i].leftward ? flags[i].x : flags[i].x + 5 + text_width(flags[i].text);
      double left = flags[j].leftward ? flags[j].x - 5 - text_width(flags[j].text) : flags[j].x;
      EXPECT_LE(right, left) << i << " and " << j;
    }
  EXPECT_TRUE(flags.back().leftward);
}

// A browser rounds 122.5 up and C++ to the even digit: what the pointer shows is never rounded by the browser.
TEST(Chart, ThePointerShowsAReadingInTheWordsOfTheReport) {
  RunSummary summary = summary_of({});
  Sample& first = summary.expectations[0].samples.front();
  first.at = summary.begin + milliseconds(3250);
  for (auto [value, shown] :
       {std::pair{0.1225, "122\u00a0ms"}, {0.1235, "124\u00a0ms"}, {12345.6, "12\u2009346\u00a0s"}}) {
    first.value = value;
    EXPECT_TRUE(has(draw_figure(summary, 0), fmt::format("3.25,{}\n", shown))) << value;
  }
}

TEST(Chart, HasOneTimeAxisForAllExpectations) {
  RunSummary summary = summary_of({});
  auto axis = [&](size_t i) {
    std::string svg = draw_chart(summary, i, wide_chart());
    size_t at = svg.find("<rect class=\"attack\" x=");
    return svg.substr(at, svg.find(" y=", at) - at);
  };
  EXPECT_EQ(axis(0), axis(1));
  EXPECT_EQ(axis(1), axis(2));
}

}  // namespace
}  // namespace ordeal::report
