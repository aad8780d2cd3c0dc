#include "fault/packets/dns/chosen_names.h"

#include <gtest/gtest.h>

namespace ordeal::packets::dns {
namespace {

bool chosen(const std::vector<std::string>& names, const std::string& name, const std::vector<std::string>& types = {},
            uint16_t type = kTypeA) {
  auto rules = ChosenNames::parse(names, types);
  EXPECT_TRUE(rules) << (rules ? "" : rules.error().message());
  return rules && rules->means({name, type, kClassIn, 0, false});
}

TEST(ChosenNames, ExactSuffixAndExpression) {
  EXPECT_TRUE(chosen({"Example.com."}, "example.com"));
  EXPECT_FALSE(chosen({"example.com"}, "www.example.com"));
  EXPECT_TRUE(chosen({"*.example.com"}, "a.www.example.com"));
  EXPECT_FALSE(chosen({"*.example.com"}, "example.com"));
  EXPECT_FALSE(chosen({"*.example.com"}, "badexample.com"));
  EXPECT_TRUE(chosen({".example.com"}, "example.com"));
  EXPECT_TRUE(chosen({".example.com"}, "www.example.com"));
  EXPECT_TRUE(chosen({"/DB-[0-9]+\\..*/"}, "db-12.shop"));
  EXPECT_FALSE(chosen({"/db-[0-9]+/"}, "db-12.shop"));
}

TEST(ChosenNames, ExclusionsWinAndAloneMeanTheRest) {
  EXPECT_FALSE(chosen({".example.com", "^www.example.com"}, "www.example.com"));
  EXPECT_TRUE(chosen({".example.com", "^www.example.com"}, "db.example.com"));
  EXPECT_TRUE(chosen({"^www.example.com"}, "other"));
  EXPECT_TRUE(chosen({}, "anything"));
}

TEST(ChosenNames, TypesNarrow) {
  EXPECT_TRUE(chosen({}, "a", {"AAAA", "A"}));
  EXPECT_FALSE(chosen({}, "a", {"AAAA"}));
  EXPECT_TRUE(chosen({"a"}, "a", {"TYPE65"}, 65));
}

TEST(ChosenNames, NonsenseIsRefused) {
  for (const char* name : {"", "^", "*.", ".", "a..b", "ex ample", "a*b", "/(/", "//", "-/x"})
    EXPECT_FALSE(ChosenNames::parse({name}, {})) << name;
  EXPECT_FALSE(ChosenNames::parse({}, {"QQ"}));
}

}  // namespace
}  // namespace ordeal::packets::dns
