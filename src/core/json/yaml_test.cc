#include "core/json/yaml.h"

#include <gtest/gtest.h>

#include "core/base/io/file.h"
#include "core/json/yaml_tree.h"

namespace ordeal::json {
namespace {

std::string error_of(const Result<Document>& result) { return result ? "no error" : result.error().message(); }

std::string repeated(std::string_view part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

std::string written(std::string_view text) {
  auto document = parse_document(text);
  return document ? write(document->value) : error_of(document);
}

TEST(Yaml, TypesPlainScalarsAndKeepsQuotedOnes) {
  Document document = *parse_document("a: 5\nb: \"5\"\nc: true\nd: 1.5\ne: ~\nf: 5s\ng: 1e3\n");
  EXPECT_EQ(write(document.value), R"({"a":5,"b":"5","c":true,"d":1.5,"e":null,"f":"5s","g":1000})");
}

TEST(Yaml, RefusesTwiceTheSameKeyAndTwoDocuments) {
  EXPECT_EQ(error_of(parse_yaml("a: 1\na: 2\n")), "line 2, column 1: the key \"a\" is given twice");
  EXPECT_EQ(error_of(parse_yaml("a: 1\n---\nb: 2\n")), "expected one document, found 2");
}

TEST(Yaml, LeavesOutEmptyDocuments) {
  EXPECT_EQ(written("---\n# nothing\n---\na: 1\n"), R"({"a":1})");
  EXPECT_EQ(written("# nothing\n"), "the file is empty but for comments");
}

std::string all_written(std::string_view text) {
  auto documents = parse_documents(text);
  if (!documents) return documents.error().message();
  std::string all;
  for (const Document& document : *documents) all += write(document.value) + "\n";
  return all;
}

TEST(Documents, OfOneTextKeepTheirLines) {
  EXPECT_EQ(all_written("a: 1\n---\n# nothing\n---\nb: 2\n"), "{\"a\":1}\n{\"b\":2}\n");
  auto documents = *parse_documents("a: 1\n---\nb:\n  c: 2\n");
  EXPECT_EQ(documents[0].lines, (std::map<std::string, int>{{"", 1}, {"a", 1}}));
  EXPECT_EQ(documents[1].lines, (std::map<std::string, int>{{"", 3}, {"b", 4}, {"b.c", 4}}));
}

TEST(Documents, AreOneInJsonUnlessDivided) {
  EXPECT_EQ(all_written("{\"a\": 1}"), "{\"a\":1}\n");
  EXPECT_EQ(all_written("{\"a\": 1}\n---\n{\"b\": 2}"), "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_EQ(all_written("{\"a\": 1} {\"b\": 2}"), "line 1, column 10: not JSON: incomplete JSON");
  EXPECT_EQ(all_written(" \n"), "the file is empty");
  EXPECT_EQ(all_written("# nothing\n"), "the file is empty but for comments");
}

TEST(Documents, ErrorsNameTheLineOfTheText) {
  EXPECT_EQ(all_written("a: 1\n---\nb: 1\nb: 2\n"), "line 4, column 1: the key \"b\" is given twice");
}

TEST(Documents, ShareTheLimits) {
  std::string list = "[" + repeated("a,", 60'000) + "]\n";
  EXPECT_EQ(error_of(parse_yaml(list)), "no error");
  EXPECT_NE(all_written(list + "---\n" + list).find("more than 100000 values"), std::string::npos);
  std::string aliases = "a: &a [" + repeated("x,", 1000) + "]\nb: [" + repeated("*a,", 60) + "]\n";
  EXPECT_EQ(error_of(parse_yaml(aliases)), "no error");
  EXPECT_NE(all_written(aliases + "---\n" + aliases).find("once aliases are expanded"), std::string::npos);
}

TEST(Yaml, ExpandsAliasesInValuesAndKeys) {
  EXPECT_EQ(written("a: &x {b: [1]}\nc: *x\n&k d: 2\ne: {*k : 3}\n"),
            R"({"a":{"b":[1]},"c":{"b":[1]},"d":2,"e":{"d":3}})");
  EXPECT_EQ((*parse_document("a: &x {b: [1]}\nc: *x\n")).lines["c.b[0]"], 1);
  EXPECT_EQ(written("a: *x\n"), "line 1, column 4: not YAML: the referenced anchor is not defined");
}

TEST(Yaml, RefusesAnAliasInsideOfWhatItNames) {
  EXPECT_EQ(written("a: 1\nb: &x [1, [*x]]\n"), "line 2, column 12: an alias is inside the value that it names");
}

TEST(Yaml, RefusesADocumentThatBeginsWithAComma) {
  EXPECT_EQ(written("a:\n\tb: 1\n"),
            "line 2, column 3: not YAML: illegal map value (a tab indents this line; YAML takes spaces only)");
  EXPECT_EQ(written("# a comment\n"), "the file is empty but for comments");
  EXPECT_EQ(written(","), "line 1, column 1: not YAML: no value begins like this");
  EXPECT_EQ(written("--- a\n--- , a\n"), "line 2, column 5: not YAML: no value begins like this");
}

TEST(Limits, OfBytes) {
  EXPECT_EQ(written("a: " + std::string(kMaxInputBytes, 'x')), "larger than 1 MiB: 1048579 bytes");
  EXPECT_EQ(written("{\"a\": \"" + std::string(kMaxInputBytes, 'x') + "\"}"), "larger than 1 MiB: 1048585 bytes");
}

TEST(Limits, OfValuesAsTheyAreWritten) {
  EXPECT_EQ(written("- [" + repeated("a,", 100'000) + "]"), "line 1, column 200000: more than 100000 values");
  EXPECT_EQ(error_of(parse_document("[" + repeated("1,", 99'998) + "1]")), "no error");
}

TEST(Limits, OfValuesOnceAliasesAreExpanded) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'h'; ++c)
    text += std::string{c, ':', ' ', '&', c} + " [" + repeated(std::string{'*', char(c - 1), ','}, 8) + "]\n";
  EXPECT_EQ(written(text), "line 1, column 4: more than 100000 values once aliases are expanded");
}

TEST(Limits, OfTextOnceAliasesAreExpanded) {
  std::string text = "a: &a " + std::string(3000, 'x') + "\nb: &b [" + repeated("*a,", 100) + "]\n";
  EXPECT_EQ(written(text + "c: [" + repeated("*b,", 100) + "]\n"),
            "line 1, column 4: more than 16 MiB of text once aliases are expanded");
  std::string paths = std::string(1000, 'k') + ": [&a [" + repeated("x,", 200) + "]," + repeated("*a,", 100) + "]\n";
  EXPECT_NE(written(paths).find("more than 16 MiB of text once aliases are expanded"), std::string::npos);
}

TEST(Limits, OfDepth) {
  EXPECT_EQ(error_of(parse_document(repeated("- ", 32) + "a")), "no error");
  EXPECT_EQ(written(repeated("- ", 33) + "a"), "line 1, column 65: nested deeper than 32 levels");
  EXPECT_EQ(error_of(parse_document("a: " + repeated("[", 31) + repeated("]", 31))), "no error");
  EXPECT_EQ(written("a: " + repeated("[", 32) + repeated("]", 32)), "line 1, column 35: nested deeper than 32 levels");
  EXPECT_NE(written("a: " + repeated("[", 100'000)).find("nested deeper than 32 levels"), std::string::npos);
  EXPECT_EQ(error_of(parse_document(repeated("[", 32) + repeated("]", 32))), "no error");
  EXPECT_EQ(written(repeated("[", 100'000)), "line 1, column 33: nested deeper than 32 levels");
}

TEST(Limits, OfDepthOnceAliasesAreExpanded) {
  std::string text = "a: &a [[[[[[[[[[1]]]]]]]]]]\n";
  for (char c = 'b'; c < 'e'; ++c)
    text += std::string{c, ':', ' ', '&', c} + " [[[[[[[[[[*" + char(c - 1) + "]]]]]]]]]]\n";
  EXPECT_NE(written(text).find("nested deeper than 32 levels once aliases are expanded"), std::string::npos);
}

TEST(Limits, OnlyUtf8IsTaken) {
  EXPECT_EQ(written("a: \xff"), "not UTF-8 text");
  EXPECT_EQ(written(std::string("\f\0\0\0\0\0t: K]", 11)), "not UTF-8 text");
  EXPECT_EQ(written("a: \xc3\xa9"), "{\"a\":\"\xc3\xa9\"}");
}

}  // namespace
}  // namespace ordeal::json
