#include "base/text.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(Text, AUrlIsShownWithoutItsPassword) {
  EXPECT_EQ(without_password("http://me:secret@host:9090/a?b=c@d"), "http://me:***@host:9090/a?b=c@d");
  EXPECT_EQ(without_password("https://me:a:b@c@host"), "https://me:***@host");
  EXPECT_EQ(without_password("http://me@host:9090/"), "http://me@host:9090/");
  EXPECT_EQ(without_password("http://host:9090/x:y@z"), "http://host:9090/x:y@z");
  EXPECT_EQ(without_password("http://[::1]:80/"), "http://[::1]:80/");
}

}  // namespace
}  // namespace ordeal
