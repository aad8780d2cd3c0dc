#include "core/json/reader.h"

#include <gtest/gtest.h>

namespace ordeal::json {
namespace {

std::string error_of(const auto& result) { return result ? "no error" : result.error().message(); }

TEST(Json, ErrorsNameThePlace) {
  EXPECT_EQ(error_of(parse("{\n \"a\": ]")).substr(0, 27), "line 2, column 7: not JSON:");
  EXPECT_NE(error_of(parse("{} x")), "no error");
}

TEST(Json, WritesDoublesForPeople) {
  EXPECT_EQ(write(Value{1.0, 0.1, std::uint64_t{18446744073709551615u}}), "[1,0.1,18446744073709551615]");
  EXPECT_EQ(write_pretty(*parse(R"({"a":[1,{}],"b":{}})")), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {}\n}\n");
}

TEST(Reader, ErrorsNameLineAndField) {
  Document document = *parse_document("attack:\n  args:\n    delay: fast\n");
  Reader delay = *(*(*Reader(document).at("attack")).at("args")).at("delay");
  EXPECT_EQ(error_of(delay.duration(1ms)),
            "line 3: attack.args.delay: expected a duration such as 500ms, 30s or 1m30s, found \"fast\"");
}

TEST(Reader, UnknownKeysGetASuggestion) {
  Document document = *parse_document("tarjet: 1\n");
  EXPECT_EQ(error_of(Reader(document).only({"target", "name"})),
            "line 1: tarjet: unknown key \"tarjet\"; did you mean \"target\"?");
}

TEST(Reader, NumbersHaveRanges) {
  Document document = *parse_document("a: 101\nb: 2.5\nc: 7\n");
  Reader reader(document);
  EXPECT_EQ(error_of((*reader.at("a")).number(0, 100)), "line 1: a: expected a number from 0 to 100, found 101");
  EXPECT_FALSE((*reader.at("b")).integer(0, 9));
  EXPECT_EQ(*(*reader.at("c")).integer(0, 9), 7);
  EXPECT_EQ(*(*reader.at("c")).duration(1s), 7s);
}

TEST(Reader, WholeNumbersAreExact) {
  Document document = *parse_document("a: 9223372036854775807\nb: 9.3e18\nc: 9223372036854775808\nd: 1e3\n");
  Reader reader(document);
  EXPECT_EQ(*(*reader.at("a")).integer(0, INT64_MAX), INT64_MAX);
  EXPECT_FALSE((*reader.at("b")).integer(0, INT64_MAX));
  EXPECT_FALSE((*reader.at("c")).integer(0, INT64_MAX));
  EXPECT_EQ(*(*reader.at("d")).integer(0, 1000), 1000);
}

}  // namespace
}  // namespace ordeal::json
