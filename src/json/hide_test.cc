#include "json/hide.h"

#include <gtest/gtest.h>

namespace ordeal::json {
namespace {

std::string hidden(std::string_view text) { return write(without_secrets(parse(text).value())); }

TEST(Hide, SecretsAreFoundWhereverTheyStand) {
  EXPECT_EQ(hidden(R"({"a":[{"url":"http://me:hunter2@h/"}],"b":1})"), R"({"a":[{"url":"http://me:***@h/"}],"b":1})");
  EXPECT_EQ(hidden(R"({"password":"hunter2","user":"me"})"), R"({"password":"***","user":"me"})");
  EXPECT_EQ(hidden(R"(["psql","--password","hunter2","-c","select 1"])"),
            R"(["psql","--password","***","-c","select 1"])");
  EXPECT_EQ(hidden(R"(["curl","-u","me:hunter2","-H","Authorization: Basic x"])"),
            R"(["curl","-u","me:***","-H","Authorization: ***"])");
  EXPECT_EQ(hidden(R"(["--token","abc","--token=abc"])"), R"(["--token","***","--token=***"])");
}

TEST(Hide, OtherValuesStay) {
  for (const char* text : {R"~({"a":null,"b":[1.5,true,"x"],"query":"sum(rate(x{code=~\"5..\"}[1m]))"})~",
                           R"(["-u","me"])", "[]", "\"x\""})
    EXPECT_EQ(hidden(text), text);
}

}  // namespace
}  // namespace ordeal::json
