#include "core/base/duration.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(Duration, ReadsWhatPeopleWrite) {
  EXPECT_EQ(*parse_duration("500ms"), 500ms);
  EXPECT_EQ(*parse_duration("1m30s"), 90s);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("0"), 0s);
  EXPECT_EQ(*parse_duration("2d"), 48h);
}

TEST(Duration, RefusesTheRest) {
  for (const char* text : {"", "5", "s", "-1s", "1s1m", "1s1s", "1.5m3s", "1 s", "400d", "1e3s", "0x1s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, FormatReadsBack) {
  for (Nanos d : {Nanos(0), Nanos(1), Nanos(1500us), Nanos(90s), Nanos(25h + 3ms)})
    EXPECT_EQ(*parse_duration(format_duration(d)), d);
  EXPECT_EQ(format_duration(90s), "1m30s");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(-61'250ms), "-1m1.25s");
  EXPECT_EQ(format_duration(60'500ms), "1m500ms");
  EXPECT_EQ(format_prometheus_duration(1500ms), "1s500ms");
}

TEST(GoDuration, ReadsWhatGoReads) {
  EXPECT_EQ(*parse_go_duration("1m30s"), 90s);
  EXPECT_EQ(*parse_go_duration("30s1m"), 90s);
  EXPECT_EQ(*parse_go_duration("1.5h"), 90min);
  EXPECT_EQ(*parse_go_duration("-2m"), -120s);
  EXPECT_EQ(*parse_go_duration("+.5s"), 500ms);
  EXPECT_EQ(*parse_go_duration("300\u00b5s"), 300us);
  EXPECT_EQ(*parse_go_duration("0"), 0s);
}

TEST(GoDuration, RefusesWhatGoRefuses) {
  for (const char* text : {"", "5", "s", "1d", "1 s", "1e3s", "1..5s", "-", ".s", "1x", "9999999999h"})
    EXPECT_FALSE(parse_go_duration(text)) << text;
}

}  // namespace
}  // namespace ordeal
