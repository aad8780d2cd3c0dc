#include "core/base/text/text.h"

#include <gtest/gtest.h>

#include "core/base/random.h"

namespace ordeal {
namespace {

TEST(Text, WhatIsNoTextBecomesTextAndStaysTellable) {
  EXPECT_EQ(valid_text("nginx"), "nginx");
  EXPECT_EQ(valid_text("\xc3\xbc"), "\xc3\xbc");
  EXPECT_EQ(valid_text("a\xff"),
            "a\xef\xbf\xbd"
            "ff");
  EXPECT_EQ(valid_text("\xc3"),
            "\xef\xbf\xbd"
            "c3")
      << "cut in the middle of a character";
  EXPECT_NE(valid_text("\xfe"), valid_text("\xff"));
}

TEST(Text, AnyBytesBecomeValidText) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random.below(20), ' ');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    std::string text = valid_text(bytes);
    ASSERT_TRUE(valid_utf8(text)) << i;
    ASSERT_EQ(valid_text(text), text) << i;
    ASSERT_EQ(text == bytes, valid_utf8(bytes)) << i;
  }
}

}  // namespace
}  // namespace ordeal
