#include "core/json/hide.h"

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

TEST(Hide, ShortFlagsOfProgramsTakePasswords) {
  struct Case {
    const char *given, *shown;
  };
  for (const Case& c : {
           Case{R"(["curl","-ubob:hunter44"])", R"(["curl","-ubob:***"])"},
           Case{R"(["curl","-U","bob:hunter44"])", R"(["curl","-U","bob:***"])"},
           Case{R"(["curl","--proxy-user","bob:hunter44"])", R"(["curl","--proxy-user","bob:***"])"},
           Case{R"(["curl","--oauth2-bearer","bear55xx"])", R"(["curl","--oauth2-bearer","***"])"},
           Case{R"(["curl","--pass","hunter88"])", R"(["curl","--pass","***"])"},
           Case{R"(["curl","--pass=hunter88"])", R"(["curl","--pass=***"])"},
           Case{R"(["curl","-H","X-Auth: hunter66"])", R"(["curl","-H","X-Auth: ***"])"},
           Case{R"(["mysql","-phunterAA"])", R"(["mysql","-p***"])"},
           Case{R"(["redis-cli","-a","hunterBB"])", R"(["redis-cli","-a","***"])"},
           Case{R"(["sqlcmd","-P","hunterCC"])", R"(["sqlcmd","-P","***"])"},
           Case{R"(["redis-cli","-a","1234"])", R"(["redis-cli","-a","***"])"},
           Case{R"(["sh","-c","curl -ubob:hunter44 x"])", R"(["sh","-c","curl -ubob:*** x"])"},
       })
    EXPECT_EQ(hidden(c.given), c.shown);
}

TEST(Hide, OtherValuesStay) {
  for (const char* text : {R"~({"a":null,"b":[1.5,true,"x"],"query":"sum(rate(x{code=~\"5..\"}[1m]))"})~",
                           R"(["-u","me"])", R"(["psql","-p","5432"])", R"(["mysql","-P","3306"])", R"(["ls","-al"])",
                           R"(["-p"])", R"(["x","-p","-v"])", R"(["x","--bypass","it"])", "[]", "\"x\""})
    EXPECT_EQ(hidden(text), text);
}

}  // namespace
}  // namespace ordeal::json
