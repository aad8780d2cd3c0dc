#include "core/model/run/run_id.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(RunId, IsMadeOfTheTimeAndARandomPart) {
  EXPECT_EQ(make_run_id(from_seconds(1795464904), 0), "r20261123t201504z-aaaaa");
  EXPECT_EQ(make_run_id(from_seconds(1795464904), ~uint64_t{0}), "r20261123t201504z-77777");
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(is_run_id(make_run_id(from_seconds(1795464904), i * 7919)));
}

TEST(RunId, NothingElseIsOne) {
  const std::string good = "r20261123t201504z-k3x5q";
  ASSERT_TRUE(parse_run_id(good));
  for (const std::string& bad :
       {std::string(), std::string("last"), std::string("."), std::string(".."), std::string("../../x"),
        std::string("/etc/passwd"), good + "/", good + "/..", "../" + good, good + ".journal", good + '\0', good + "\n",
        good.substr(0, 22), "R" + good.substr(1), std::string("r20261123t201504z-K3X5Q"),
        std::string("r20261123t201504z-k3x51"), std::string("r2026112?t201504z-k3x5q"), std::string("%"),
        std::string("r2026112/t201504z-k3x5q")}) {
    EXPECT_FALSE(is_run_id(bad)) << bad;
    auto parsed = parse_run_id(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::kInvalidInput);
  }
}

TEST(RunId, ASelectorIsABeginningOrTheLast) {
  for (const char* good : {"last", "r", "r2026", "r20261123t201504z-k", "r20261123t201504z-k3x5q"})
    EXPECT_EQ(*parse_run_selector(good), good);
  for (const char* bad : {"", "..", "../../x", "%", "r20261123t201504z-k3x5qq", "r2_", "LAST", "last/"})
    EXPECT_FALSE(parse_run_selector(bad)) << bad;
}

}  // namespace
}  // namespace ordeal
