#include "core/json/positions.h"

#include <gtest/gtest.h>

#include "core/json/reader.h"

namespace ordeal::json {
namespace {

using Lines = std::map<std::string, int>;

std::string refusal_of(std::string_view text) {
  auto document = parse_document(text);
  return document ? "no error" : document.error().message();
}

TEST(Positions, EveryValueHasItsLine) {
  EXPECT_EQ(*find_lines("{\n \"a\": {\"b\": -1.5e3},\n\n \"c\":\n  [true, \"]\\\"}\",\n   {}, [], {\"d\": null}]\n}\n"),
            (Lines{{"", 1},
                   {"a", 2},
                   {"a.b", 2},
                   {"c", 5},
                   {"c[0]", 5},
                   {"c[1]", 5},
                   {"c[2]", 6},
                   {"c[3]", 6},
                   {"c[4]", 6},
                   {"c[4].d", 6}}));
}

TEST(Positions, ErrorsInAJsonFileNameTheLine) {
  Document document = *parse_document("{\"attack\": {\n  \"args\": {\n    \"delay\": \"fast\"}}}");
  Reader delay = *(*(*Reader(document).at("attack")).at("args")).at("delay");
  EXPECT_EQ(delay.duration(1ms).error().message(),
            "line 3: attack.args.delay: expected a duration such as 500ms, 30s or 1m30s, found \"fast\"");
}

TEST(Positions, AKeyThatStandsTwiceIsRefused) {
  EXPECT_EQ(refusal_of("{\"percentage\": 10,\n\"percentage\": 100}"), "line 2: the key \"percentage\" is given twice");
  EXPECT_EQ(refusal_of("{\"a\": {\"b\": 1},\n \"c\": [\"a\", {\"a\": 1}],\n \"a\": 2}"),
            "line 3: the key \"a\" is given twice");
  EXPECT_EQ(refusal_of(R"([{"x": {"y": 1, "y": 2}}])"), "line 1: the key \"y\" is given twice");
  EXPECT_EQ(refusal_of(R"({"a": 1, "\u0061": 2})"), "line 1: the key \"a\" is given twice");
}

TEST(Positions, ValuesAndOtherObjectsAreNoKeys) {
  EXPECT_EQ(refusal_of(R"({"a": "a", "b": ["a", "a"], "c": {"a": 1}, "d": {"a": 1}})"), "no error");
  EXPECT_EQ(refusal_of(R"({"a": "\",\"a\": {", "b": "\\", "c": ","})"), "no error");
}

TEST(Positions, LongKeysCannotMakeLongerPaths) {
  std::string text = "{\"" + std::string(500'000, 'k') + "\": [0";
  for (int i = 0; i < 1000; ++i) text += ",0";
  EXPECT_EQ(refusal_of(text + "]}"), "line 1: more than 16 MiB of field names and paths");
}

}  // namespace
}  // namespace ordeal::json
