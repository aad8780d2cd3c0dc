#include "core/model/input/assignment.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

std::string after(const std::string& document, const std::string& assignment) {
  json::Value value = *json::parse(document);
  std::string before = json::write(value);
  auto done = assign(value, assignment);
  if (done) return json::write(value);
  EXPECT_EQ(json::write(value), before) << "what is refused changes nothing";
  return done.error().message();
}

TEST(Assignment, SetsAFieldWhereverItStands) {
  struct Case {
    std::string document, assignment, result;
  };
  const Case cases[] = {
      {R"({"attack":{"args":{"delay":"1s"}}})", "attack.args.delay=5s", R"({"attack":{"args":{"delay":"5s"}}})"},
      {R"({"attack":{}})", "attack.args.port=8000", R"({"attack":{"args":{"port":8000}}})"},
      {R"({})", "target.name=a=b", R"({"target":{"name":"a=b"}})"},
      {R"({"a":1})", "a=", R"({"a":""})"},
      {R"({"a":1})", "a=\"5\"", R"({"a":"5"})"},
      {R"({"a":1})", "a=[80, 443]", R"({"a":[80,443]})"},
      {R"({"expect":[{"name":"x"},{"name":"y"}]})", "expect[1].name=z", R"({"expect":[{"name":"x"},{"name":"z"}]})"},
      {R"({"apiVersion":"ordeal.dev/v1alpha1","spec":{"seed":1}})", "seed=2",
       R"({"apiVersion":"ordeal.dev/v1alpha1","spec":{"seed":2}})"},
  };
  for (const Case& row : cases) EXPECT_EQ(after(row.document, row.assignment), row.result) << row.assignment;
}

TEST(Assignment, SaysWhatIsWrong) {
  EXPECT_EQ(after("{}", "delay"), "delay: expected FIELD=VALUE, such as attack.args.delay=5s");
  EXPECT_EQ(after("{}", "=5"), "=5: expected FIELD=VALUE, such as attack.args.delay=5s");
  EXPECT_EQ(after("{}", "a..b=5"), "a..b=5: expected FIELD=VALUE, such as attack.args.delay=5s");
  EXPECT_EQ(after(R"({"a":1})", "a.b=5"), "a.b=5: the parent of \"b\" is not an object");
  EXPECT_EQ(after(R"({"a":[1]})", "a[1]=5"), "a[1]=5: there is no item 1: the list has 1");
  EXPECT_EQ(after(R"({"a":[1]})", "a[x]=5"), "a[x]=5: expected a number in [ ]");
  EXPECT_EQ(after(R"({"a":1})", "a[0]=5"), "a[0]=5: what comes before [ is not a list");
  EXPECT_EQ(after("[1]", "a=5"), "a=5: the parent of \"a\" is not an object");
}

TEST(Assignment, TheLengthIsSetWhereItIsGiven) {
  for (const auto& [document, result] : std::initializer_list<std::pair<std::string, std::string>>{
           {R"({"attack":{"length":"1s"}})", R"({"attack":{"length":"5s"}})"},
           {R"({"attack":{"args":{"length":60}}})", R"({"attack":{"args":{"length":"5s"}}})"},
           {R"({"attack":{"type":"cpu"}})", R"({"attack":{"type":"cpu"},"length":"5s"})"},
           {R"({"length":"1s","attack":{"length":"1s"}})", R"({"length":"5s","attack":{"length":"5s"}})"},
           {R"({"length":"1s"})", R"({"length":"5s"})"}}) {
    json::Value value = *json::parse(document);
    ASSERT_TRUE(assign_length(value, "5s"));
    EXPECT_EQ(json::write(value), result);
  }
}

}  // namespace
}  // namespace ordeal
