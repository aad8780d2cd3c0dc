#include "watch/api_server.h"

#include <gtest/gtest.h>

#include "net/fetcher.h"
#include "promql/store/series_store.h"

namespace ordeal::watch {
namespace {

TEST(ParseForm, DecodesInOrderAndKeepsWhatRepeats) {
  promapi::Parameters expected{
      {"query", "up{a=\"x y\"}"}, {"match[]", "a"}, {"match[]", "b=c"}, {"empty", ""}, {"bare", ""}};
  EXPECT_EQ(parse_form("query=up%7Ba%3D%22x+y%22%7D&match[]=a&&match%5B%5D=b=c&empty=&bare"), expected);
  EXPECT_TRUE(parse_form("").empty());
}

TEST(ServeApi, AnswersOverHttp) {
  promql::SeriesStore store;
  store.append(promql::Labels{{"__name__", "up"}}, 1000, 1);
  promapi::Api api(store, "test");
  net::Loop loop;
  auto server = serve_api(loop, {}, api, [] { return int64_t{2000}; });
  ASSERT_TRUE(server) << server.error().message();
  auto fetcher = net::Fetcher::create(loop);
  ASSERT_TRUE(fetcher);
  std::string base = "http://127.0.0.1:" + std::to_string((*server)->port());
  std::vector<std::string> bodies;
  loop.spawn([&]() -> net::Task<> {
    for (const char* path : {"/api/v1/query?query=up%2B1", "/-/ready", "/", "/api/v1/alerts"}) {
      net::HttpCall call;
      call.url = base + path;
      auto outcome = co_await (*fetcher)->fetch(call);
      bodies.push_back(outcome ? outcome->body : std::string("no answer"));
    }
    (*server)->stop();
    loop.stop();
  });
  loop.run();
  ASSERT_EQ(bodies.size(), 4u);
  EXPECT_NE(bodies[0].find(R"("value":[2,"2"])"), std::string::npos) << bodies[0];
  EXPECT_EQ(bodies[1], "Ordeal is ready.\n");
  EXPECT_NE(bodies[2].find("query_range"), std::string::npos);
  EXPECT_NE(bodies[3].find("not_found"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::watch
