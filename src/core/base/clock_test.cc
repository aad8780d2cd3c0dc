#include "core/base/clock.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(Rfc3339, IsReadAsItIsWritten) {
  Nanos at = milliseconds(1'790'000'000'123);
  EXPECT_EQ(*parse_rfc3339(rfc3339(at)), at);
  EXPECT_EQ(*parse_rfc3339("1970-01-01T00:00:01Z"), Nanos(1s));
  EXPECT_EQ(*parse_rfc3339("1969-12-31T23:59:59Z"), Nanos(-1s));
}

TEST(Rfc3339, RefusesWhatIsNoTimeOrDoesNotFit) {
  for (const char* text : {"", "2026-11-23", "2026-11-23T20:15:04", "2026-11-23T20:15:04.5e9Z", "1013-01-01T00:00:00Z",
                           "2300-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

}  // namespace
}  // namespace ordeal
