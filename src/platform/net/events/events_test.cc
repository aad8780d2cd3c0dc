// Lines and server-sent events, whole and cut at random places.
#include <gtest/gtest.h>

#include "core/base/random.h"
#include "platform/net/events/event.h"
#include "platform/net/events/lines.h"

namespace ordeal::net {
namespace {

using namespace std::string_literals;

std::vector<std::string> pieces_of(const std::string& text, Random& random, size_t most) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size(); at += pieces.back().size())
    pieces.push_back(text.substr(at, 1 + random.below(most)));
  return pieces;
}

std::string shown(const ServerEvent& event) { return event.type + "|" + event.data + "|" + event.id; }

std::vector<std::string> events_of(const std::vector<std::string>& pieces) {
  EventParser parser;
  std::vector<std::string> events;
  for (const auto& piece : pieces) {
    parser.feed(piece);
    while (auto event = parser.next()) events.push_back(shown(*event));
  }
  events.push_back("last id " + parser.last_id());
  return events;
}

std::vector<std::string> events_of(std::string text) { return events_of(std::vector<std::string>{std::move(text)}); }
using Shown = std::vector<std::string>;

TEST(EventParser, ReadsTheExamplesOfTheSpecification) {
  EXPECT_EQ(events_of("data: YHOO\ndata: +2\ndata: 10\n\n"), (Shown{"message|YHOO\n+2\n10|", "last id "}));
  EXPECT_EQ(events_of(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
            (Shown{"message|first event|1", "message|second event|", "message| third event|", "last id "}));
  EXPECT_EQ(events_of("data\n\ndata\ndata\n\ndata:"), (Shown{"message||", "message|\n|", "last id "}));
  EXPECT_EQ(events_of("data:test\n\ndata: test\n\n"), (Shown{"message|test|", "message|test|", "last id "}));
}

TEST(EventParser, TakesEveryLineEndAndAByteOrderMark) {
  EXPECT_EQ(events_of("\xEF\xBB\xBF"
                      "data: a\r\rdata: b\r\n\r\ndata: c\n\n"),
            (Shown{"message|a|", "message|b|", "message|c|", "last id "}));
  EXPECT_EQ(events_of("\xEF\xBB"
                      "data: a\n\ndata: b\n\n"),
            (Shown{"message|b|", "last id "}));
  EXPECT_EQ(events_of("\xEF\xBB\xBF\xEF\xBB\xBF"
                      "data: a\n\n"),
            (Shown{"last id "}));
}

TEST(EventParser, IgnoresWhatTheSpecificationIgnores) {
  EXPECT_EQ(events_of("id: 7\n\nid: a\0b\nfoo: x\ndata : y\nevent: none\n\ndata: z\n\n"s),
            (Shown{"message|z|7", "last id 7"}));
  EventParser parser;
  parser.feed("retry: 12x\n");
  EXPECT_FALSE(parser.retry());
  parser.feed("retry: 1500\nretry: 99999999999999\nretry:\n");
  EXPECT_EQ(parser.retry(), std::chrono::milliseconds(1500));
}

TEST(EventParser, AnEventOfMoreThanTheBoundEndsIt) {
  for (const char* part : {"x", "data: xx\n"}) {
    EventParser parser(100);
    for (int i = 0; i < 1000; ++i) parser.feed(part);
    EXPECT_TRUE(parser.too_large());
    parser.feed("\n\ndata: a\n\n");
    EXPECT_FALSE(parser.next());
  }
}

// Made of the characters that mean something, so that most texts are strange.
std::string strange_text(Random& random) {
  static const std::vector<std::string> kParts{"data",         "id",  "event", "retry", ":",     " ",   "\r", "\n",
                                               "\r\n",         "a",   "data",  "\n\n",  "data:", "id:", "7",  "é",
                                               "\xEF\xBB\xBF", "\r\r"};
  std::string text;
  for (uint64_t i = random.below(60); i > 0; --i) text += kParts[random.below(kParts.size())];
  return text;
}

TEST(EventParser, HowTheTextWasCutMakesNoDifference) {
  Random random(20);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = strange_text(random);
    ASSERT_EQ(events_of(pieces_of(text, random, 1 + random.below(6))), events_of(text)) << testing::PrintToString(text);
  }
}

TEST(EventText, IsReadBackAsItWas) {
  Random random(21);
  for (int round = 0; round < 5'000; ++round) {
    ServerEvent event{random.below(2) ? "message" : "tick", "", "9"};
    for (uint64_t i = random.below(12); i > 0; --i) event.data += std::string("\n: a\n\xC3")[random.below(6)];
    std::string text = comment_text("kept\nalive") + *event_text(event) + retry_text(std::chrono::milliseconds(5));
    ASSERT_EQ(events_of(pieces_of(text, random, 4)), (Shown{shown(event), "last id 9"})) << text;
  }
}

TEST(EventText, NothingSlipsInThroughTypeOrId) {
  EXPECT_FALSE(event_text({"a\ndata: x", "", ""}));
  EXPECT_FALSE(event_text({"a\rb", "", ""}));
  EXPECT_FALSE(event_text({"a", "", "1\n"}));
  EXPECT_FALSE(event_text({"a", "", std::string("1\0", 2)}));
  EXPECT_EQ(*event_text({"a", "x\ry\r\nz", "1"}), "id: 1\nevent: a\ndata: x\ndata: y\ndata: z\n\n");
}

TEST(LineSplitter, HowTheTextWasCutMakesNoDifference) {
  Random random(22);
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (uint64_t i = random.below(40); i > 0; --i) text += "a\r\nb\n\n"[random.below(6)];
    auto lines_of = [](const std::vector<std::string>& pieces) {
      LineSplitter splitter(50);
      Shown lines;
      for (const auto& piece : pieces) {
        splitter.feed(piece);
        while (auto line = splitter.next()) lines.emplace_back(*line);
      }
      lines.push_back("rest " + splitter.take_rest());
      return lines;
    };
    ASSERT_EQ(lines_of(pieces_of(text, random, 5)), lines_of({text})) << testing::PrintToString(text);
  }
}

TEST(LineSplitter, ALineOfTheBoundIsTakenAndALongerOneEndsIt) {
  for (size_t piece : {1, 3, 100}) {
    LineSplitter splitter(10);
    Shown lines;
    std::string text = "0123456789\r\n0123456789\n01234567890\nnever\n";
    for (size_t at = 0; at < text.size(); at += piece) {
      splitter.feed(text.substr(at, piece));
      while (auto line = splitter.next()) lines.emplace_back(*line);
    }
    EXPECT_EQ(lines, (Shown{"0123456789", "0123456789"})) << piece;
    EXPECT_TRUE(splitter.too_long());
  }
}

}  // namespace
}  // namespace ordeal::net
