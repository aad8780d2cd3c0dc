#include "core/model/input/label_selector.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/random.h"

namespace ordeal {
namespace {

// As parsed and written again, or the error.
std::string again(std::string_view text) {
  auto selector = parse_label_selector(text);
  return selector ? selector->text() : selector.error().message();
}

bool matches(std::string_view text, const Labels& labels) { return parse_label_selector(text).value().matches(labels); }

TEST(LabelSelector, TheWordsOfKubectlAreRead) {
  EXPECT_EQ(again("app=api,tier in (web,db),!canary,env!=prod"), "app=api,tier in (web,db),!canary,env!=prod");
  EXPECT_EQ(again("key notin (a,b), key , !gone"), "key notin (a,b),key,!gone");
  EXPECT_EQ(again("  app == api ,\tx.y/z = a_b.c "), "app=api,x.y/z=a_b.c");
  EXPECT_EQ(again("app in (api)"), "app=api");
  EXPECT_EQ(again(""), "");
  EXPECT_EQ(again("in in (in,notin),notin=in"), "in in (in,notin),notin=in")
      << "words of the grammar are names as well";
  EXPECT_EQ(again("a=,b in (,c)"), "a=,b in (,c)") << "a value may be empty";
}

TEST(LabelSelector, WhatIsMissingIsInNoSetAndUnequalToAll) {
  const Labels labels{{"app", "api"}, {"tier", ""}};
  for (const char* text : {"app=api", "app in (x,api)", "app", "!zone", "zone!=a", "zone notin (a,b)", "tier=", ""})
    EXPECT_TRUE(matches(text, labels)) << text;
  for (const char* text : {"app=web", "app notin (api)", "!app", "zone", "zone=a", "zone=", "zone in (a)", "tier!="})
    EXPECT_FALSE(matches(text, labels)) << text;
  EXPECT_EQ(parse_label_selector("app=api,!tier,zone").value().broken_by(labels), "!tier") << "the first one";
  EXPECT_EQ(parse_label_selector("app=api").value().broken_by(labels), "");
}

struct BadSelector {
  const char* text;
  const char* error;
};
class Refused : public testing::TestWithParam<BadSelector> {};
TEST_P(Refused, WithThePlace) {
  EXPECT_EQ(again(GetParam().text), GetParam().error);
  EXPECT_EQ(parse_label_selector(GetParam().text).error().code, Errc::kInvalidInput);
}
INSTANTIATE_TEST_SUITE_P(
    EveryRule, Refused,
    testing::Values(
        BadSelector{",a", "character 1: expected the name of a label, found \",\""},
        BadSelector{"a,", "character 3: expected the name of a label, found the end"},
        BadSelector{"a b", "character 3: expected =, ==, !=, in, notin or \",\", found \"b\""},
        BadSelector{"a in b", "character 6: expected \"(\" and the values, found \"b\""},
        BadSelector{"a in (b", "character 8: expected \",\" or \")\", found the end"},
        BadSelector{"a in ()", "character 6: expected at least one value, found \"()\""},
        BadSelector{"a in (b c)", "character 9: expected \",\" or \")\", found \"c\""},
        BadSelector{"a=b=c", "character 4: expected \",\" or the end, found \"=\""},
        BadSelector{"a=(b)", "character 3: expected \",\" or the end, found \"(\""},
        BadSelector{"!a=b", "character 3: expected \",\" or the end, found \"=\""},
        BadSelector{"a>1", "character 2: expected =, !=, in or notin: labels are not compared as numbers, found \">\""},
        BadSelector{"a*=b",
                    "character 1: expected a label name ([PREFIX/]NAME, NAME at most 63 letters, digits, \"-\", \"_\" "
                    "and \".\", a letter or digit at both ends), found \"a*\""},
        BadSelector{"a=b*",
                    "character 3: expected a label value (at most 63 letters, digits, \"-\", \"_\" and \".\", a letter "
                    "or digit at both ends), found \"b*\""},
        BadSelector{"!", "character 2: expected the name of a label, found the end"}));

Result<LabelSelector> decoded(std::string_view text) {
  json::Document document = TRY(json::parse_document(text));
  return decode_label_selector(json::Reader(document));
}

std::string of_object(std::string_view text) {
  auto selector = decoded(text);
  return selector ? selector->text() : selector.error().message();
}

TEST(LabelSelector, OfAnObjectIsTheSame) {
  EXPECT_EQ(of_object("matchLabels: {app: api}\nmatchExpressions: [{key: tier, operator: In, values: [web, db]}, {key: "
                      "canary, operator: DoesNotExist}, {key: x, operator: Exists}, {key: y, operator: NotIn, values: "
                      "[a]}]\n"),
            "app=api,tier in (web,db),!canary,x,y!=a");
  EXPECT_EQ(of_object("app: api\ntier: web\n"), "app=api,tier=web") << "of a Service";
  EXPECT_EQ(of_object("{}"), "");
}

TEST(LabelSelector, OfAnObjectWithAnErrorNamesTheField) {
  EXPECT_EQ(of_object("matchLabels: {app: [1]}"), "line 1: matchLabels.app: expected text, found [1]");
  EXPECT_EQ(of_object("matchExpressions: [{key: a, operator: Gt, values: ['1']}]"),
            "line 1: matchExpressions[0].operator: expected one of In, NotIn, Exists, DoesNotExist, found \"Gt\"");
  EXPECT_EQ(of_object("matchExpressions: [{key: a, operator: In}]"),
            "line 1: matchExpressions[0]: the operator In needs values");
  EXPECT_EQ(of_object("matchExpressions: [{key: a, operator: Exists, values: [b]}]"),
            "line 1: matchExpressions[0]: the operator Exists needs no values");
  EXPECT_EQ(of_object("matchLabels: {a: b}\nmatchFields: {}\n"),
            "line 2: matchFields: unknown key \"matchFields\"; known keys: matchLabels, matchExpressions");
}

std::string word(Random& random, std::initializer_list<const char*> words) {
  return *(words.begin() + random.below(words.size()));
}

// A requirement as text, and what it means, told anew from what kubectl's page says of each.
struct Naive {
  std::string text;
  std::string key;
  int form;
  std::vector<std::string> values;

  bool holds(const Labels& labels) const {
    if (form == 0) return labels.count(key) > 0;
    if (form == 1) return labels.count(key) == 0;
    bool member = false;
    for (const std::string& value : values) member |= labels.count(key) && labels.at(key) == value;
    return form == 2 || form == 3 ? member : !member;
  }
};

Naive random_requirement(Random& random) {
  Naive naive{"", word(random, {"app", "tier", "zone", "x.io/a"}), static_cast<int>(random.below(6)), {}};
  size_t count = naive.form == 2 || naive.form == 4 ? 1 : 1 + random.below(3);
  for (size_t i = 0; i < count; ++i) naive.values.push_back(word(random, {"a", "b", "c", ""}));
  if (naive.form != 2 && naive.form != 4 && naive.values == std::vector<std::string>{""})
    naive.values.push_back("");  // () is an error
  std::string list = fmt::format("{}", fmt::join(naive.values, " , "));
  const std::string forms[] = {naive.key,
                               "! " + naive.key,
                               naive.key + word(random, {"=", "==", " = "}) + list,
                               naive.key + " in ( " + list + ")",
                               naive.key + " != " + list,
                               naive.key + " notin (" + list + " )"};
  naive.text = forms[naive.form];
  return naive;
}

TEST(LabelSelector, AgreesWithANaiveOneAndReadsBackWhatItWrites) {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<Naive> naive;
    std::string text;
    for (size_t i = random.below(4); i > 0; --i) {
      naive.push_back(random_requirement(random));
      text += (text.empty() ? "" : ",") + naive.back().text;
    }
    Labels labels;
    for (const char* key : {"app", "tier", "zone", "x.io/a"})
      if (random.below(2)) labels[key] = word(random, {"a", "b", "c", ""});
    auto selector = parse_label_selector(text);
    ASSERT_TRUE(selector) << text << ": " << selector.error().message();
    bool expected = true;
    for (const Naive& one : naive) expected &= one.holds(labels);
    ASSERT_EQ(selector->matches(labels), expected) << text;
    ASSERT_EQ(selector->broken_by(labels).empty(), expected) << text;
    ASSERT_EQ(parse_label_selector(selector->text()).value(), *selector) << text;
  }
}

}  // namespace
}  // namespace ordeal
