#include "watch/scraping/api_server.h"

#include <gtest/gtest.h>

#include "platform/net/fetcher.h"
#include "prometheus/promql/store/series_store.h"

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
  promapi::Api::MetadataMap metadata;
  promapi::Api api(store, "test", metadata);
  net::Loop loop;
  auto options = api_server_options("127.0.0.1:0", "");
  ASSERT_TRUE(options);
  options->metrics = [] { return std::string("own 1\n"); };
  auto server =
      serve_api(loop, *options, [&](std::string path, promapi::Parameters asked) -> net::Task<promapi::Answer> {
        co_return api.answer(path, asked, 2000);
      });
  ASSERT_TRUE(server) << server.error().message();
  auto fetcher = net::Fetcher::create(loop);
  ASSERT_TRUE(fetcher);
  std::string base = "http://127.0.0.1:" + std::to_string((*server)->port());
  std::vector<std::string> bodies;
  loop.spawn([&]() -> net::Task<> {
    for (const char* path : {"/api/v1/query?query=up%2B1", "/-/ready", "/", "/api/v1/alerts", "/metrics"}) {
      net::HttpCall call;
      call.url = base + path;
      auto outcome = co_await (*fetcher)->fetch(call);
      bodies.push_back(outcome ? outcome->body : std::string("no answer"));
    }
    (*server)->stop();
    loop.stop();
  });
  loop.run();
  ASSERT_EQ(bodies.size(), 5u);
  EXPECT_EQ(bodies[4], "own 1\n");
  EXPECT_NE(bodies[0].find(R"("value":[2,"2"])"), std::string::npos) << bodies[0];
  EXPECT_EQ(bodies[1], "Ordeal is ready.\n");
  EXPECT_NE(bodies[2].find("query_range"), std::string::npos);
  EXPECT_NE(bodies[3].find("not_found"), std::string::npos);
}

TEST(ServeApi, OffLoopbackNothingIsAnsweredWithoutTheToken) {
  EXPECT_FALSE(api_server_options("0.0.0.0:9464", ""));
  EXPECT_FALSE(api_server_options("[::]:9464", ""));
  EXPECT_FALSE(api_server_options("127.0.0.1:9464", "short"));
  EXPECT_TRUE(api_server_options("[::1]:9464", ""));
  auto options = api_server_options("0.0.0.0:0", "a-token-of-some-length");
  ASSERT_TRUE(options);
  net::Loop loop;
  auto server = serve_api(loop, *options, [](std::string, promapi::Parameters) -> net::Task<promapi::Answer> {
    co_return promapi::Answer{200, "secret"};
  });
  ASSERT_TRUE(server);
  auto fetcher = net::Fetcher::create(loop);
  std::vector<int> statuses;
  loop.spawn([&]() -> net::Task<> {
    for (const char* credentials : {"", "Bearer wrong", "Bearer a-token-of-some-length"}) {
      net::HttpCall call;
      call.url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/api/v1/query";
      call.headers = {{"Authorization", credentials}};
      auto outcome = co_await (*fetcher)->fetch(call);
      statuses.push_back(outcome ? outcome->status : 0);
    }
    (*server)->stop();
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(statuses, (std::vector<int>{401, 401, 200}));
}

}  // namespace
}  // namespace ordeal::watch
