#include "core/base/text/printable.h"

#include <gtest/gtest.h>

#include "core/base/random.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

TEST(Printable, WhatSteersATerminalIsShown) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("one\ntwo\tthree\r"), "one\\ntwo\\tthree\\x0d");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\x7f \xc2\x9b"
                      "31m"),
            "\\x7f \\u009b31m")
      << "the one-byte CSI";
  EXPECT_EQ(printable("evil\xe2\x80\xaegnp.exe"), "evil\\u202egnp.exe");
  EXPECT_EQ(printable("a\xe2\x80\x8b\xef\xbb\xbf"), "a\\u200b\\ufeff");
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "\\U000e0041");
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80\xe2\x82"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xe2\\x82");
}

TEST(Printable, OtherTextIsLeft) {
  for (const char* text : {"", "api-1", "naïve café", "日本語", "✓ 😀", "C:\\x1b", "\\d+", "Ελλ"})
    EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable_lines("a\nb\x1b\n"), "a\nb\\x1b\n");
}

TEST(Printable, JsonStaysJson) {
  EXPECT_EQ(printable_json("{\"a\":\"\x7f\xe2\x80\xae\xf3\xa0\x81\x81\xff\"}"),
            "{\"a\":\"\\u007f\\u202e\\udb40\\udc41\\ufffd\"}");
  EXPECT_EQ(printable_json("{\n  \"a\": 1\n}\n"), "{\n  \"a\": 1\n}\n");
}

TEST(Printable, NothingThatSteersIsLeftOfAnyBytes) {
  Random random(12);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    // Half of them near what is looked for: controls, C1 and the marks of U+20xx.
    for (uint64_t i = random.below(12); i > 0; --i)
      bytes += random.below(2) ? static_cast<char>(random.below(256)) : "\x1b\xc2\x9b\xe2\x80\xae\xa8"[random.below(7)];
    std::string shown = printable(bytes);
    ASSERT_TRUE(valid_utf8(shown));
    for (std::string_view rest = shown; !rest.empty(); rest.remove_prefix(first_code_point(rest).bytes))
      ASSERT_FALSE(steers(first_code_point(rest).value)) << shown;
    ASSERT_EQ(printable(shown), shown);
  }
}

}  // namespace
}  // namespace ordeal
