#include "fault/attacks/network/rate_arguments.h"

#include <gtest/gtest.h>

namespace ordeal::fault {
namespace {

TEST(RateArguments, RatesAreBitsOrBytesASecondByTheirUnit) {
  EXPECT_EQ(parse_rate("10mbit"), 10e6);
  EXPECT_EQ(parse_rate("1.5Mbit"), 1.5e6);
  EXPECT_EQ(parse_rate("64kbit"), 64e3);
  EXPECT_EQ(parse_rate("1gbit"), 1e9);
  EXPECT_EQ(parse_rate("1mbps"), 8e6);
  EXPECT_EQ(parse_rate("800"), 800);
}

TEST(RateArguments, SizesAreBytesOrPowersOf1024) {
  EXPECT_EQ(parse_size("32kb"), 32768);
  EXPECT_EQ(parse_size("2m"), 2097152);
  EXPECT_EQ(parse_size("1500"), 1500);
  EXPECT_EQ(parse_size("1500b"), 1500);
}

TEST(RateArguments, AnythingElseIsNone) {
  for (const char* text : {"", "fast", "10 mbit", "-1mbit", "1mbits", "1e3kbit", "mbit", "1.2.3mbit", "nan", "1kb/s"})
    EXPECT_FALSE(parse_rate(text)) << text;
  for (const char* text : {"", "big", "1kbit", "-5"}) EXPECT_FALSE(parse_size(text)) << text;
}

TEST(RateArguments, WordsHaveTheLargestUnit) {
  EXPECT_EQ(rate_in_words(10e6), "10 Mbit/s");
  EXPECT_EQ(rate_in_words(1.25e9), "1.25 Gbit/s");
  EXPECT_EQ(rate_in_words(56e3), "56 kbit/s");
  EXPECT_EQ(rate_in_words(999), "999 bit/s");
}

}  // namespace
}  // namespace ordeal::fault
