#include "core/base/text/secrets.h"

#include <gtest/gtest.h>

#include "core/base/text/text.h"

namespace ordeal {
namespace {

TEST(Secrets, AUrlIsShownWithoutItsPassword) {
  EXPECT_EQ(without_password("http://me:secret@host:9090/a?b=c@d"), "http://me:***@host:9090/a?b=c@d");
  EXPECT_EQ(without_password("https://me:a:b@c@host"), "https://me:***@host");
  EXPECT_EQ(without_password("http://me@host:9090/"), "http://me@host:9090/");
  EXPECT_EQ(without_password("http://host:9090/x:y@z"), "http://host:9090/x:y@z");
  EXPECT_EQ(without_password("http://[::1]:80/"), "http://[::1]:80/");
}

struct Case {
  const char *text, *shown;
};

TEST(Secrets, AreHiddenWhereverTheyStand) {
  const Case kCases[] = {
      {"http://me:hunter2@h/", "http://me:***@h/"},
      {"cannot GET http://me:hunter2@h:80/x: refused", "cannot GET http://me:***@h:80/x: refused"},
      {"postgres://me:hunter2@h/db and redis://:hunter2@h", "postgres://me:***@h/db and redis://:***@h"},
      {"http://me:hun/ter2@h/", "http://me:***@h/"},
      {"http://me:it's@h/", "http://me:***@h/"},
      {"https://ghp_0123456789abcdef@h/x", "https://***@h/x"},
      {"http://h/?a=1&password=hunter2&b=2", "http://h/?a=1&password=***&b=2"},
      {"http://h/?X-Amz-Signature=0a1b#access_token=q", "http://h/?X-Amz-Signature=***#access_token=***"},
      {"http://h/?key=hunter2", "http://h/?key=***"},
      {"host=db user=me password=hunter2 dbname=x", "host=db user=me password=*** dbname=x"},
      {"host=db password='hun ter2' dbname=x", "host=db password='***' dbname=x"},
      {"PGPASSWORD=hunter2", "PGPASSWORD=***"},
      {"psql --password=hunter2 -c x", "psql --password=*** -c x"},
      {"login --client-secret hunter2 now", "login --client-secret *** now"},
      {"Authorization: Bearer abc", "Authorization: ***"},
      {"curl -H \"X-Api-Key: abc\" u", "curl -H \"X-Api-Key: ***\" u"},
      {"sent Bearer eyJhbGciOi.J9.x", "sent Bearer ***"},
      {"{\"password\": \"hun\\\"ter2\", \"user\": \"me\"}", "{\"password\": \"***\", \"user\": \"me\"}"},
      {"{\"a\": \"{\\\"password\\\": \\\"hunter2\\\"}\"}", "{\"a\": \"{\\\"password\\\": \\\"***\\\"}\"}"},
      {"curl -u bob:hunter44 http://h/", "curl -u bob:*** http://h/"},
      {"curl -ubob:hunter44 http://h/", "curl -ubob:*** http://h/"},
      {"curl --proxy-user bob:hunter44 x", "curl --proxy-user bob:*** x"},
      {"curl --oauth2-bearer bear55xx x", "curl --oauth2-bearer *** x"},
      {"curl --pass hunter88 x", "curl --pass *** x"},
      {"DB_PASS=hunter88", "DB_PASS=***"},
      {"X-Auth: hunter66", "X-Auth: ***"},
      {"X-Auth-Key: hunter66", "X-Auth-Key: ***"},
      {"expected a URL, found \"me:hunter2@host\"", "expected a URL, found \"me:***@host\""},
  };
  for (const Case& one : kCases) {
    EXPECT_EQ(hide_secrets(one.text), one.shown);
    EXPECT_EQ(hide_secrets(hide_secrets(one.text)), one.shown) << "twice is once";
  }
}

TEST(Secrets, ACommandIsShownWithoutThem) {
  EXPECT_EQ(
      hide_command({"mysql", "-phunter2", "-u", "me:hunter2", "-p", "hunter2", "-P", "3306", "--pass", "hunter2"}),
      "mysql -p*** -u me:*** -p *** -P 3306 --pass ***");
  EXPECT_EQ(hide_command({"redis-cli", "-a", "hunter2", "http://me:hunter2@h/"}), "redis-cli -a *** http://me:***@h/");
  EXPECT_EQ(hide_command({}), "");
  EXPECT_EQ(hide_command({"mysql", "--password", "two words"}), "mysql --password ***");
  EXPECT_EQ(hide_command({"sh", "-c", "mysql -phunter2 shop -P 3306; redis-cli -a 'hunter2' | curl -u me:hunter2 h"}),
            "sh -c mysql -p*** shop -P 3306; redis-cli -a '***' | curl -u me:*** h");
}

TEST(Secrets, WhatIsNoneStays) {
  for (const char* text :
       {"sum(rate(http_requests_total{code=~\"5..\", job=\"api\"}[1m])) by (token)", "give --token-file FILE",
        "a bearer token is needed", "Basic authentication", "http://127.0.0.1:9090/api/v1/query?query=up",
        "token: expected text", "no_data: pass", "curl -u me http://h/", "--bypass it", "x-author: me",
        "http://[::1]:80/x@y", "{password=~\"a|b\"}", "a==b", "", "=", ":", "://", "password="})
    EXPECT_EQ(hide_secrets(text), text);
}

TEST(Secrets, AreKnownAgainWithoutTheirName) {
  auto known = secrets_in("url: http://me:p%40ssword@h/, other: http://u:abc@h/");
  EXPECT_EQ(known, (std::vector<std::string>{"p%40ssword", "p@ssword"})) << "three letters are everywhere";
  EXPECT_EQ(hide("login failed for p@ssword and p@ssword", known), "login failed for *** and ***");
}

}  // namespace
}  // namespace ordeal
