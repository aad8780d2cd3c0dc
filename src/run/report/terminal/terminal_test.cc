#include "run/report/terminal/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "core/base/text/text.h"
#include "run/report/report.h"
#include "run/report/terminal/columns.h"
#include "run/report/terminal/live_terminal.h"
#include "run/report/terminal/text_report.h"
#include "sample_run/sample_run.h"

namespace ordeal::report {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}
bool shows(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(TerminalView, EveryLineFitsTheWidthAtEveryMoment) {
  for (size_t width : {20u, 40u, 60u, 80u, 200u}) {
    for (bool colour : {false, true}) {
      TerminalView view;
      for (const RunEvent& event : sample_run()) {
        view.apply(event);
        if (event.seq % 20 != 0) continue;
        for (const std::string& line : view.frame(event.boot, {width, colour})) {
          ASSERT_LE(columns(line), width) << line;
          ASSERT_EQ(line.find('\n'), std::string::npos);
          ASSERT_TRUE(colour || line.find('\x1b') == std::string::npos);
        }
      }
    }
  }
}

TEST(TerminalView, ShowsValueLimitStateCountdownAndImpacts) {
  TerminalView view;
  std::vector<RunEvent> events = sample_run();
  size_t i = 0;
  while (!as<events::Breach>(events[i])) view.apply(events[i++]);
  std::string frame = joined(view.frame(events[i].boot, {100, false}));
  for (const char* part : {"Network Latency", "p95 latency", "1.03\u00a0s", "< 1\u00a0s", "BREACHED", "error rate",
                           "holds", "attack, 0:53 left of 1:00", "3 faults in force", "api-3: delay arriving", "█"})
    EXPECT_TRUE(shows(frame, part)) << part << "\n" << frame;
  while (i < events.size()) view.apply(events[i++]);
  frame = joined(view.frame(events.back().boot, {100, false}));
  EXPECT_TRUE(shows(frame, "no fault in force"));
  std::string ending = ending_in_words(summarize(events), "/tmp/report.html", {100, false});
  EXPECT_TRUE(shows(ending, "✕ The hypothesis did not hold"));
  EXPECT_TRUE(shows(ending, "report: /tmp/report.html"));
}

TEST(TerminalView, PlainLinesTellEachThingOnceAndReadingsEveryFiveSeconds) {
  TerminalView view;
  std::vector<std::string> lines;
  for (const RunEvent& event : sample_run()) {
    view.apply(event);
    for (std::string& line : view.new_lines(event.boot)) lines.push_back(std::move(line));
  }
  std::string text = joined(lines);
  EXPECT_LT(lines.size(), 60u) << text;
  for (const char* part : {"breach: p95 latency reached 1.03", "halt: the breach ends the attack", "phase: recovery",
                           "error rate is undecided"})
    EXPECT_TRUE(shows(text, part)) << part << "\n" << text;
  size_t readings = 0;
  for (const std::string& line : lines) readings += shows(line, "replicas up 3 (holds)");
  EXPECT_GE(readings, 3u);
  EXPECT_LE(readings, 6u);
}

// What the line of impacts shows, each time that it changes.
std::vector<std::string> changes_of_impacts(const std::vector<RunEvent>& events) {
  TerminalView view;
  std::vector<std::string> lines;
  for (const RunEvent& event : events) {
    view.apply(event);
    std::string now;
    for (const std::string& line : view.frame(event.boot, {100, false})) {
      if (line.find("in force") != std::string::npos) now = line;
      if (line.starts_with("  api-")) now += " " + line.substr(2, 5);
    }
    if (lines.empty() || lines.back() != now) lines.push_back(now);
  }
  return lines;
}

TEST(TerminalView, CountsThreeImpactsUpAndEachRevertDown) {
  EXPECT_EQ(changes_of_impacts(sample_run()),
            (std::vector<std::string>{"no fault in force", "1 fault in force api-1", "2 faults in force api-1 api-2",
                                      "3 faults in force api-1 api-2 api-3", "2 faults in force api-2 api-3",
                                      "1 fault in force api-3", "no fault in force"}));
  EXPECT_EQ(changes_of_impacts(sample_run(troubled_sample()))[4], "2 faults in force api-1 api-3") << "the second went";
}

TEST(TerminalView, ABreachStandsInEveryFrameFromThenOn) {
  for (size_t height : {0u, 4u, 6u, 10u, 24u}) {
    TerminalView view;
    bool breached = false;
    for (const RunEvent& event : sample_run()) {
      view.apply(event);
      breached |= as<events::Breach>(event) != nullptr;
      std::vector<std::string> frame = view.frame(event.boot, {100, false, height});
      if (height > 0 && frame.size() > height) frame.erase(frame.begin(), frame.end() - static_cast<long>(height));
      EXPECT_EQ(shows(joined(frame), "✕ breach at 17.2 s: p95 latency reached 1.03 s"), breached) << joined(frame);
    }
    EXPECT_TRUE(breached);
  }
}

TEST(TerminalView, ShowsNamesInFullWhereThereIsRoom) {
  std::vector<RunEvent> events = sample_run();
  const std::string name = "share of checkouts of logged-in customers that fail";
  std::get<events::Run>(events[0].data).expectations[0].name = name;
  TerminalView view;
  view.apply(events[0]);
  EXPECT_TRUE(shows(joined(view.frame(events[0].boot, {100, false})), name));
  EXPECT_FALSE(shows(joined(view.frame(events[0].boot, {60, false})), name));
}

TEST(TerminalView, ALowTerminalKeepsWhatIsBreachedAndCountsTheRest) {
  std::vector<RunEvent> events = sample_run();
  auto& run = std::get<events::Run>(events[0].data);
  for (int i = 0; i < 30; ++i) run.expectations.push_back(run.expectations[1]);
  TerminalView view;
  for (const RunEvent& event : events) {
    view.apply(event);
    if (as<events::Halt>(event)) break;
  }
  std::vector<std::string> frame = view.frame(events.back().boot, {100, false, 14});
  EXPECT_LE(frame.size(), 14u) << joined(frame);
  EXPECT_TRUE(shows(joined(frame), "✕ p95 latency")) << joined(frame);
  EXPECT_TRUE(shows(joined(frame), "more")) << joined(frame);
}

TEST(TerminalView, OfAKillNothingIsTakenOffAndWhetherItCameBackIsTold) {
  TerminalView view;
  std::string lines;
  for (const SampleKind& kind : sample_kinds())
    for (const RunEvent& event : kind.name == "killed" ? sample_run(kind.options) : std::vector<RunEvent>{}) {
      view.apply(event);
      lines += joined(view.new_lines(event.boot));
    }
  EXPECT_TRUE(shows(lines, "attack off: api-1: nothing to revert")) << lines;
  EXPECT_TRUE(shows(lines, "back: api-1 was running again 1.3\u00a0s after it was killed")) << lines;
  EXPECT_FALSE(shows(lines, "removed")) << lines;
}

TEST(TextReport, SaysWhatThePageSaysWithinItsWidth) {
  RunSummary summary = summarize(sample_run());
  for (size_t width : {60u, 80u, 120u}) {
    std::string text = text_report(summary, {width, false});
    for (const char* part :
         {"✕ The hypothesis did not hold", "p95 latency must stay below 1", "What to do next",
          "recovered in (p95 latency)", "✓ clean in", "run /usr/local/bin/rollback", "error rate had no data"})
      EXPECT_TRUE(shows(text, part)) << part << "\n" << text;
    for (std::string_view line : split(text, '\n')) EXPECT_LE(columns(line), width + 20) << line;
  }
}

TEST(TextReport, OfNoEventsSaysThatThereIsNoVerdict) { EXPECT_TRUE(shows(text_report(summarize({})), "no verdict")); }

// The sample with its first expectation, which breaks during the attack, judged after it only.
std::vector<RunEvent> judged_after() {
  std::vector<RunEvent> events = sample_run();
  std::get<events::Run>(events[0].data).expectations[0].when = {When::kAfter};
  std::erase_if(events, [](const RunEvent& event) { return as<events::Breach>(event) != nullptr; });
  return events;
}

TEST(TerminalView, WhatDoesNotCountYetIsShownAndNotJudged) {
  TerminalView view;
  std::string lines, frame;
  for (const RunEvent& event : judged_after()) {
    view.apply(event);
    lines += joined(view.new_lines(event.boot));
    if (as<events::Halt>(event)) frame = joined(view.frame(event.boot, {100, true}));
  }
  EXPECT_TRUE(shows(frame, "1.03\u00a0s")) << frame;
  EXPECT_TRUE(shows(frame, "judged after")) << frame;
  EXPECT_FALSE(shows(frame, "BREACHED")) << frame;
  EXPECT_TRUE(shows(lines, "(judged after)")) << lines;
  EXPECT_FALSE(shows(lines, "BREACHED")) << lines;
  std::string attack = lines.substr(0, lines.find("phase: recovery"));
  EXPECT_FALSE(shows(attack, "p95 latency is beyond its limit")) << attack;
}

TEST(TerminalView, NothingFromAnEventSteersTheTerminal) {
  TerminalView view;
  static const std::set<std::string_view> kWords{"phase", "reading", "level", "result", "outcome"};
  for (RunEvent event : sample_run(troubled_sample())) {
    json::Object data = events::to_json(event.data);
    for (auto& [key, value] : data)
      if (value.is_string() && !kWords.count(key))
        value = "\x1b]0;owned\x07\x1b[2J\r\xc2\x9b" + std::string(value.get_string());
    event.data = *events::read(events::type_of(event.data), data);
    view.apply(event);
    std::string text = joined(view.frame(event.boot, {80, false})) + joined(view.new_lines(event.boot));
    for (char c : text) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << text;
    ASSERT_FALSE(shows(text, "\xc2\x9b"));
  }
}

TEST(LiveTerminal, RedrawsInPlaceAndEndsOnALineOfItsOwn) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<RunEvent> events = sample_run();
  LiveTerminal terminal({ends[1], true, false});
  terminal.apply(events[0]);
  terminal.update(events[0].boot);
  terminal.update(events[0].boot);
  terminal.finish(summarize(events), "");
  ::close(ends[1]);
  std::string out(65536, '\0');
  out.resize(static_cast<size_t>(::read(ends[0], out.data(), out.size())));
  ::close(ends[0]);
  EXPECT_TRUE(shows(out, "\x1b[10A"))
      << "ten lines up: name, hypothesis, three rows, phase, impacts, last and two empty";
  EXPECT_EQ(out.back(), '\n');
  EXPECT_FALSE(shows(out, "?25l")) << "the cursor is never hidden";
}

TEST(LiveTerminal, AReaderThatNeverReadsDoesNotHoldUpTheRun) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::vector<RunEvent> events = sample_run();
  LiveTerminal terminal({ends[1], true, false});
  terminal.apply(events[0]);
  for (int i = 0; i < 1000; ++i) terminal.update(events[0].boot);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(LiveTerminal, APipeGetsNeitherMovementNorColour) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  TerminalOptions options = terminal_options(ends[1]);
  EXPECT_FALSE(options.redraw);
  EXPECT_FALSE(options.colour);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Columns, CountCutAndPad) {
  EXPECT_EQ(columns("abc"), 3u);
  EXPECT_EQ(columns("\x1b[31mé…\x1b[0m"), 2u);
  EXPECT_EQ(columns("日本"), 4u);
  EXPECT_EQ(fit("abcdef", 4), "abc…");
  EXPECT_EQ(fit("日本語", 5), "日本…");
  EXPECT_EQ(fit("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mab…\x1b[0m");
  EXPECT_EQ(fit("abc", 0), "");
  EXPECT_EQ(padded("é", 3), "é  ");
  EXPECT_EQ(padded_left("é", 3), "  é");
}

TEST(Columns, SparklinesScaleFromZeroAndLeaveGaps) {
  EXPECT_EQ(sparkline({0, 1, std::nullopt, 8}, 10), "▁▂ █");
  EXPECT_EQ(sparkline({5, 0, 8}, 2), "▁█");
  EXPECT_EQ(sparkline({3, 3}, 10), "██");
  EXPECT_EQ(sparkline({0, std::nan(""), 8}, 10), "▁██");
  EXPECT_EQ(sparkline({}, 10), "");
}

}  // namespace
}  // namespace ordeal::report
