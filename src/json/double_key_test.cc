#include "json/double_key.h"

#include <gtest/gtest.h>

#include "json/yaml.h"

namespace ordeal::json {
namespace {

TEST(DoubleKey, IsFoundWithItsLine) {
  auto found = find_double_key("{\"a\": {\"b\": 1},\n \"c\": [\"a\", {\"a\": 1}],\n \"a\": 2}");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->key, "a");
  EXPECT_EQ(found->line, 3);
  EXPECT_TRUE(find_double_key(R"([{"x": {"y": 1, "y": 2}}])"));
}

TEST(DoubleKey, ValuesAndOtherObjectsDoNotCount) {
  EXPECT_FALSE(find_double_key(R"({"a": "a", "b": ["a", "a"], "c": {"a": 1}, "d": {"a": 1}})"));
  EXPECT_FALSE(find_double_key(R"({"a": "\",\"a\": {", "b": "\\", "c": ","})"));
  EXPECT_FALSE(find_double_key(""));
  EXPECT_FALSE(find_double_key("{\"a"));
}

TEST(DoubleKey, APersonsJsonFileIsRefused) {
  auto document = parse_document("{\"percentage\": 10,\n\"percentage\": 100}");
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().message(), "line 2: the key \"percentage\" stands twice");
}

}  // namespace
}  // namespace ordeal::json
