#include "json/reader.h"

#include <gtest/gtest.h>

namespace ordeal::json {
namespace {

std::string error_of(const auto& result) { return result ? "no error" : result.error().message(); }

TEST(Yaml, TypesPlainScalarsAndKeepsQuotedOnes) {
  Document document = *parse_document("a: 5\nb: \"5\"\nc: true\nd: 1.5\ne: ~\nf: 5s\ng: 1e3\n");
  EXPECT_EQ(write(document.value), R"({"a":5,"b":"5","c":true,"d":1.5,"e":null,"f":"5s","g":1000})");
}

TEST(Yaml, RefusesTwiceTheSameKeyAndTwoDocuments) {
  EXPECT_EQ(error_of(parse_yaml("a: 1\na: 2\n")), "line 2, column 1: the key \"a\" stands twice");
  EXPECT_EQ(error_of(parse_yaml("a: 1\n---\nb: 2\n")), "expected one document, found 2");
}

TEST(Yaml, AliasesCannotExplode) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'h'; ++c)
    text += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + ",*" +
            char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + ",*" + char(c - 1) + "]\n";
  EXPECT_NE(error_of(parse_yaml(text)).find("more than 100000 values"), std::string::npos);
}

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

}  // namespace
}  // namespace ordeal::json
