#include <gtest/gtest.h>

#include "core/base/io/file.h"
#include "platform/net/server/test_certificates.h"
#include "platform/net/test_server.h"
#include "watch/sources/poll_until.h"
#include "watch/sources/prometheus_api.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::watch {
namespace {

using Outcome = Observation::Outcome;

TEST(PrometheusApi, ReadsEveryKindOfResult) {
  auto vector = parse_query_answer(R"({"status":"success","data":{"resultType":"vector","result":[
      {"metric":{"__name__":"x","a":"b"},"value":[1700000000.5,"+Inf"]},
      {"metric":{},"value":[1700000000.5,"NaN"]}]},"warnings":["w"],"infos":["i"]})");
  ASSERT_TRUE(vector) << vector.error().message();
  EXPECT_EQ(vector->result.vector[0].labels.text(), "x{a=\"b\"}");
  EXPECT_TRUE(std::isinf(vector->result.vector[0].value));
  EXPECT_TRUE(std::isnan(vector->result.vector[1].value));
  EXPECT_EQ(vector->warnings, (std::vector<std::string>{"w", "i"}));

  auto scalar = parse_query_answer(R"({"status":"success","data":{"resultType":"scalar","result":[1,"0.25"]}})");
  EXPECT_EQ(scalar->result.scalar, 0.25);
  auto text = parse_query_answer(R"({"status":"success","data":{"resultType":"string","result":[1,"hello"]}})");
  EXPECT_EQ(text->result.string, "hello");
  auto matrix = parse_query_answer(R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{"a":"b"},"values":[[1,"2"],[2,"3"]]}]}})");
  ASSERT_TRUE(matrix);
  EXPECT_EQ(matrix->result.matrix[0].samples[1].ms, 2000);
}

TEST(PrometheusApi, SaysTheServersOwnWords) {
  auto answer = parse_query_answer(
      R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error"})");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message(), "Prometheus says bad_data: invalid parameter \"query\": 1:5: parse error");
}

TEST(PrometheusApi, RefusesWhatIsNotAnAnswer) {
  for (const char* body :
       {"", "<html>", "[]", "{}", R"({"status":"success"})", R"({"status":"success","data":{}})",
        R"({"status":"success","data":{"resultType":"vector"}})",
        R"({"status":"success","data":{"resultType":"what","result":[]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[1]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}})",
        R"({"status":"success","data":{"resultType":"scalar","result":[1e300,"1"]}})",
        R"({"status":"success","data":{"resultType":"string","result":[]}})"}) {
    EXPECT_FALSE(parse_query_answer(body)) << body;
  }
}

TEST(PrometheusApi, FindsTheSlowestScrape) {
  auto slowest = parse_slowest_scrape(R"({"status":"success","data":{"activeTargets":[{"scrapeInterval":"15s"},
      {"scrapePool":"nodes","scrapeInterval":"1m"},{"scrapeInterval":"100ms"},{}]}})");
  ASSERT_TRUE(slowest);
  ASSERT_TRUE(*slowest);
  EXPECT_EQ((*slowest)->interval, Nanos(60s));
  EXPECT_EQ((*slowest)->job, "nodes");
  EXPECT_FALSE(*parse_slowest_scrape(R"({"status":"success","data":{"activeTargets":[{}]}})"));
}

class PrometheusSourceTest : public testing::Test {
 protected:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request) {
    if (request.path == "/base/api/v1/query") {
      method_ = request.method;
      form_ = request.body;
      if (delay_ > 0ns) co_await server_.loop().sleep(delay_);
      co_return net::HttpResponse{status_, body_, "application/json"};
    }
    if (request.path == "/base/api/v1/status/buildinfo") {
      co_return net::HttpResponse{200, R"({"status":"success","data":{"version":"3.1.0"}})"};
    }
    if (request.path == "/base/api/v1/targets") {
      co_return net::HttpResponse{200, R"({"status":"success","data":{"activeTargets":[{"scrapeInterval":"15s"}]}})"};
    }
    if (request.path == "/nameless/api/v1/query") {
      co_return net::HttpResponse{200, R"({"status":"success","data":{"resultType":"vector","result":[
          {"metric":{},"value":[1,"1"]}]}})"};
    }
    co_return net::HttpResponse{404, "not found"};
  }
  Observation ask(const std::string& text, Nanos timeout = 1s) {
    std::optional<Observation> seen;
    PrometheusSource source(client_, server_.url("/base/"), std::nullopt);
    source.query(text, timeout, [&](Observation o) { seen = std::move(o); });
    poll_until(client_, [&] { return seen.has_value(); });
    return seen.value_or(Observation{});
  }

  Result<PrometheusSource::Info> check(const std::string& base) {
    PrometheusSource source(client_, server_.url(base), std::nullopt);
    std::optional<Result<PrometheusSource::Info>> info;
    source.check(1s, [&](Result<PrometheusSource::Info> i) { info = std::move(i); });
    poll_until(client_, [&] { return info.has_value(); });
    return info ? *info : fail(Errc::kInternal, "check() did not call back");
  }

  std::string method_, form_;
  std::string body_ = R"({"status":"success","data":{"resultType":"vector","result":[
      {"metric":{"route":"/"},"value":[1,"0.5"]},{"metric":{"route":"/idle"},"value":[1,"NaN"]}]}})";
  int status_ = 200;
  Nanos delay_{0};
  net::TestServer server_{[this](const net::HttpRequest& request) { return answer(request); }};
  net::HttpClient client_ = std::move(*net::HttpClient::create());
};

// Behind TLS of an authority of its own.
class PrometheusLoginTest : public testing::Test {
 protected:
  Observation ask(SourceLogin login) {
    std::optional<Observation> seen;
    std::string url = "https://127.0.0.1:" + std::to_string(server_.port());
    PrometheusSource source(client_, url, std::nullopt, std::move(login));
    source.query("x", 2s, [&](Observation o) { seen = std::move(o); });
    poll_until(client_, [&] { return seen.has_value(); });
    return seen.value_or(Observation{});
  }
  SourceLogin trusting() {
    SourceLogin login;
    login.tls.authority = read_file(authority_.ca()).value();
    return login;
  }
  std::string header(const std::string& name) const {
    const std::string* found = net::find_header(headers_, name);
    return found ? *found : "none";
  }

  net::TestAuthority authority_;
  net::HttpServerOptions options_ = [this] {
    net::HttpServerOptions options;
    options.tls = authority_.issue("server", "IP:127.0.0.1");
    return options;
  }();
  net::Headers headers_;
  net::TestServer server_{
      [this](const net::HttpRequest& request) -> net::Task<net::HttpResponse> {
        headers_ = request.headers;
        co_return net::HttpResponse{200, R"({"status":"success","data":{"resultType":"scalar","result":[1,"1"]}})"};
      },
      options_};
  net::HttpClient client_ = std::move(*net::HttpClient::create());
};

TEST_F(PrometheusLoginTest, SendsWhatTheSecretsSay) {
  SourceLogin token = trusting();
  token.token = "s3cret", token.tenant = "shop";
  EXPECT_EQ(ask(token).kind, Outcome::kValues);
  EXPECT_EQ(header("Authorization"), "Bearer s3cret");
  EXPECT_EQ(header("X-Scope-OrgID"), "shop");
  SourceLogin basic = trusting();
  basic.login = "anna:pa:ss";
  EXPECT_EQ(ask(basic).kind, Outcome::kValues);
  EXPECT_EQ(header("Authorization"), "Basic YW5uYTpwYTpzcw==");
  EXPECT_EQ(header("X-Scope-OrgID"), "none");
}

TEST_F(PrometheusLoginTest, TrustsNobodyElsesServer) {
  SourceLogin login;
  login.token = "s3cret";
  EXPECT_NE(ask(login).kind, Outcome::kValues);
  EXPECT_TRUE(headers_.empty()) << "the token went to a server that is not known";
}

TEST_F(PrometheusSourceTest, PostsTheQueryAsAFormWithoutATime) {
  auto seen = ask("sum(rate(x{a=~\"5..\"}[1m]))");
  EXPECT_EQ(method_, "POST");
  EXPECT_EQ(form_, "query=sum%28rate%28x%7Ba%3D~%225..%22%7D%5B1m%5D%29%29&timeout=1.000");
  EXPECT_EQ(seen.kind, Outcome::kValues);
  EXPECT_EQ(seen.values, (std::vector<std::pair<std::string, double>>{{"route=/", 0.5}}));
  EXPECT_EQ(seen.error, "NaN: {route=/idle}");
}

TEST_F(PrometheusSourceTest, KindsOfNoDataAreToldApart) {
  body_ = R"({"status":"success","data":{"resultType":"vector","result":[]}})";
  EXPECT_EQ(ask("x").kind, Outcome::kNoSuchSeries);
  body_ = R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}})";
  EXPECT_EQ(ask("x").kind, Outcome::kNaN);
  body_ = R"({"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}})";
  EXPECT_EQ(ask("x").kind, Outcome::kNaN);
  body_ = R"({"status":"error","errorType":"timeout","error":"query timed out"})";
  status_ = 503;
  EXPECT_EQ(ask("x").kind, Outcome::kTimedOut);
  body_ = R"({"status":"error","errorType":"bad_data","error":"parse error"})";
  status_ = 400;
  EXPECT_EQ(ask("x").kind, Outcome::kError);
}

TEST_F(PrometheusSourceTest, CheckQueryRefusesOnlyWhatWillNeverBeAnswered) {
  auto refused = [&] {
    std::optional<Result<>> known;
    PrometheusSource source(client_, server_.url("/base/"), std::nullopt);
    source.check_query("x", [&](Result<> result) { known = std::move(result); });
    poll_until(client_, [&] { return known.has_value(); });
    return known && !*known ? known->error().message() : "";
  };
  EXPECT_EQ(refused(), "");
  body_ = R"({"status":"error","errorType":"bad_data","error":"unknown function"})";
  status_ = 400;
  EXPECT_EQ(refused(), "Prometheus says bad_data: unknown function (HTTP 400 Bad Request)");
  body_ = R"({"status":"error","errorType":"execution","error":"many-to-many"})";
  status_ = 422;
  EXPECT_EQ(refused(), "");
  body_ = "overloaded";
  status_ = 503;
  EXPECT_EQ(refused(), "");
}

TEST_F(PrometheusSourceTest, SlowAnswerTimesOut) {
  delay_ = 300ms;
  EXPECT_EQ(ask("x", 50ms).kind, Outcome::kTimedOut);
}

TEST_F(PrometheusSourceTest, CheckWarnsOfASlowScrape) {
  auto info = check("/base");
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->version, "3.1.0");
  EXPECT_NE(info->warning.find("scrapes its targets only every 15s"), std::string::npos) << info->warning;
}

TEST_F(PrometheusSourceTest, CheckRefusesWhatIsNoPrometheus) {
  auto info = check("/elsewhere");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::kInvalidInput);
  EXPECT_EQ(info.error().message(), "cannot use " + server_.url("/elsewhere") +
                                        " as a Prometheus: the response is not Prometheus': it is no JSON "
                                        "(HTTP 404 Not Found, text/plain; charset=utf-8)");
}

TEST_F(PrometheusSourceTest, CheckTakesWhatOnlyAnswersQueries) {
  auto info = check("/nameless");
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->version, "");
  EXPECT_NE(info->warning.find("does not say how often it scrapes"), std::string::npos) << info->warning;
}

}  // namespace
}  // namespace ordeal::watch
