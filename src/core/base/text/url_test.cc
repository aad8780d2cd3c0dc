#include "core/base/text/url.h"

#include <gtest/gtest.h>

namespace ordeal {
namespace {

TEST(Url, IsTakenApart) {
  struct Row {
    std::string_view text, scheme, user, host, place;
    int port;
    std::string_view rest;
  };
  const Row rows[] = {
      {"http://h", "http", "", "h", "h", 80, ""},
      {"https://h/m", "https", "", "h", "h", 443, "/m"},
      {"http://10.0.0.1:8000/metrics", "http", "", "10.0.0.1", "10.0.0.1:8000", 8000, "/metrics"},
      {"http://[fe80::1]:9/x", "http", "", "fe80::1", "[fe80::1]:9", 9, "/x"},
      {"http://[::1]?a=b", "http", "", "::1", "[::1]", 80, "?a=b"},
      {"http://me:p@ss@h:1#f", "http", "me:p@ss", "h", "h:1", 1, "#f"},
      {"http://h/a@b:c", "http", "", "h", "h", 80, "/a@b:c"},
      {R"(http://h:9/federate?match[]={job="a:b"})", "http", "", "h", "h:9", 9, R"(/federate?match[]={job="a:b"})"},
  };
  for (const Row& row : rows) {
    auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(url->scheme, row.scheme);
    EXPECT_EQ(url->user, row.user);
    EXPECT_EQ(url->host, row.host);
    EXPECT_EQ(url->place, row.place);
    EXPECT_EQ(port_of(*url), row.port);
    EXPECT_EQ(url->rest, row.rest);
  }
}

TEST(Url, WhatIsNoneIsNothing) {
  for (std::string_view text :
       {"", "h", "h:80", "http:/h", "http://", "http:///m", "http://:80", "http://h:", "http://h:0", "http://h:65536",
        "http://h:8x", "http://[]", "http://me@/m", "http://[]:1"})
    EXPECT_FALSE(parse_url(text)) << text;
}

}  // namespace
}  // namespace ordeal
