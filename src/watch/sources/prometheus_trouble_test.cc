// A Prometheus that answers wrongly, late, or too much: one precise message, and the loop is never held up.
#include <gtest/gtest.h>

#include <map>

#include "platform/net/test_server.h"
#include "prometheus/promql/syntax/parser.h"
#include "watch/sources/poll_until.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::watch {
namespace {

using Outcome = Observation::Outcome;

// What this thread has worked: other programs on the machine do not count.
Nanos cpu_now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

class PrometheusTroubleTest : public testing::Test {
 protected:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request) {
    std::string query = net::percent_decode(request.body.substr(6, request.body.find('&') - 6));
    auto found = answers_.find(query);
    net::HttpResponse response = found == answers_.end() ? net::HttpResponse{404, "nothing"} : found->second;
    if (slow_ == query) co_await server_.loop().sleep(300ms);
    co_return response;
  }
  // Also notes the longest time that one dispatch took, and the most work.
  Observation wait(std::optional<Observation>& seen) {
    BootTime end = boot_now() + 5s;
    while (!seen && boot_now() < end) {
      pollfd wait{client_.descriptor(), POLLIN, 0};
      poll(&wait, 1, 20);
      BootTime begin = boot_now();
      Nanos worked = cpu_now();
      client_.dispatch();
      longest_ = std::max(longest_, boot_now() - begin);
      most_work_ = std::max(most_work_, cpu_now() - worked);
    }
    return seen.value_or(Observation{});
  }
  Observation ask(net::HttpResponse response, Nanos timeout = 1s) {
    answers_["x"] = std::move(response);
    std::optional<Observation> seen;
    source_.query("x", timeout, [&](Observation o) { seen = std::move(o); });
    return wait(seen);
  }
  Observation ask_ratio(Nanos timeout = 1s) {
    std::optional<Observation> seen;
    auto ratio = *ratio_text("bad / all");
    ratio.wider = "wider";
    ratio.selected = [](Nanos) { return "selected"; };
    source_.query_ratio(ratio, timeout, [&](Observation o) { seen = std::move(o); });
    return wait(seen);
  }
  static net::HttpResponse vector(const std::string& elements) {
    return {200, R"({"status":"success","data":{"resultType":"vector","result":[)" + elements + "]}}"};
  }
  std::string about(const std::string& text) const {
    return "cannot POST " + server_.url("/api/v1/query") + ": " + text;
  }

  // Changed by the test only while no answer is awaited; read by the server's thread.
  std::map<std::string, net::HttpResponse> answers_;
  std::string slow_;
  net::TestServer server_{[this](const net::HttpRequest& request) { return answer(request); }};
  net::HttpClient client_ = std::move(*net::HttpClient::create());
  PrometheusSource source_{client_, server_.url(), std::nullopt};
  Nanos longest_{0}, most_work_{0};
};

TEST_F(PrometheusTroubleTest, OneThatIsSlowTimesOut) {
  slow_ = "x";
  auto seen = ask(vector(""), 50ms);
  EXPECT_EQ(seen.kind, Outcome::kTimedOut);
  EXPECT_EQ(seen.error, about("no response within 50 ms"));
  EXPECT_LT(longest_, 40ms);
}

TEST_F(PrometheusTroubleTest, OneThatIsNotReadyIsToldApartFromItsTimeLimit) {
  auto starting = ask({503, "Service Unavailable", "text/plain"});
  EXPECT_EQ(starting.kind, Outcome::kError);
  EXPECT_EQ(starting.error,
            "the response is not Prometheus': it is no JSON (HTTP 503 Service Unavailable, text/plain)");
  auto limit = ask({503, R"({"status":"error","errorType":"timeout","error":"query timed out"})", "application/json"});
  EXPECT_EQ(limit.kind, Outcome::kTimedOut);
  EXPECT_EQ(limit.error, "Prometheus says timeout: query timed out (HTTP 503 Service Unavailable)");
}

TEST_F(PrometheusTroubleTest, APageIsNoAnswer) {
  auto seen = ask({200, "<html><body>Log in</body></html>", "text/html"});
  EXPECT_EQ(seen.kind, Outcome::kError);
  EXPECT_EQ(seen.error, "the response is not Prometheus': it is no JSON (HTTP 200 OK, text/html)");
}

TEST_F(PrometheusTroubleTest, ARedirectIsNamedAndNotFollowed) {
  auto seen = ask({302, "", "text/html", {{"Location", "https://elsewhere/api/v1/query"}}});
  EXPECT_EQ(seen.kind, Outcome::kError);
  EXPECT_EQ(seen.error, "it redirects to https://elsewhere/api/v1/query (HTTP 302)");
}

TEST_F(PrometheusTroubleTest, AHugeAnswerIsCutOff) {
  std::string huge;
  huge.resize(100'000'000, ' ');
  auto seen = ask({200, huge, "application/json"}, 4s);
  EXPECT_EQ(seen.kind, Outcome::kError);
  EXPECT_EQ(seen.error, about("the response is larger than 1048576 bytes"));
  EXPECT_LT(most_work_, 200ms);
}

TEST_F(PrometheusTroubleTest, TheLargestAnswerIsReadInTime) {
  std::string elements;
  for (int i = 0; elements.size() < kMostAnswer - 300; ++i)
    elements += (i ? "," : "") + (R"({"metric":{"pod":"p)" + std::to_string(i) + R"("},"value":[1700000000,"0.5"]})");
  auto seen = ask(vector(elements));
  EXPECT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_LT(most_work_, 2s);  // some 20 ms without sanitizers, 500 ms with the slowest
}

TEST_F(PrometheusTroubleTest, ARatioWithoutErrorsIsZeroWhileTrafficFlows) {
  const auto some = vector(R"({"metric":{},"value":[1,"12"]})");
  answers_ = {{"bad / all", vector("")}, {"bad", vector("")}, {"all", some}, {"wider", some}, {"selected", vector("")}};
  auto seen = ask_ratio();
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_EQ(seen.values.front().second, 0);
  answers_["selected"] = some;
  EXPECT_NE(ask_ratio().error.find("they ended with their target or give no value now"), std::string::npos);
  answers_["selected"] = answers_["wider"] = vector("");
  EXPECT_NE(ask_ratio().error.find("it has no value either"), std::string::npos);
  answers_["selected"] = {500, "no", "text/plain"};
  EXPECT_EQ(ask_ratio().kind, Outcome::kError);
  answers_["selected"] = vector("");
  answers_["wider"] = some;
  EXPECT_EQ(ask_ratio().kind, Outcome::kValues);
  answers_["all"] = vector(R"({"metric":{},"value":[1,"0"]})");
  EXPECT_EQ(ask_ratio().kind, Outcome::kNoSuchSeries);
  answers_["all"] = vector("");
  EXPECT_EQ(ask_ratio().kind, Outcome::kNoSuchSeries);
}

TEST(RatioText, AsksWhetherItsNumeratorHasOrHadSeries) {
  auto ratio = *ratio_text(R"(sum(rate(a{job="x",code=~"5.."}[2s] offset 1h)) / sum(rate(b[2s])))");
  EXPECT_EQ(ratio.wider, R"(sum(rate(a{job="x"}[2s] offset 1h)))");
  std::string lost = "[3000ms]) unless on (job, instance) (up == 1))";
  std::string all = R"(a{job="x", code=~"5.."})";
  EXPECT_EQ(ratio.selected(3s), "count(" + all + " or (count_over_time(" + all + lost +
                                    ") or (count((count_over_time(" + all + lost + ") unless count(" + all + "))");
  EXPECT_TRUE(promql::parse(ratio.selected(3s)));
  EXPECT_FALSE(ratio_text("sum(rate(a[2s]))"));
}

TEST_F(PrometheusTroubleTest, ARatioWithAValueAsksForNothingElse) {
  answers_ = {{"bad / all", vector(R"({"metric":{},"value":[1,"0.25"]})")}};
  auto seen = ask_ratio();
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_EQ(seen.values.front().second, 0.25);
}

TEST_F(PrometheusTroubleTest, ARatioWhoseSidesAreSlowEndsInTime) {
  answers_ = {{"bad / all", vector("")},
              {"bad", vector("")},
              {"all", vector("")},
              {"wider", vector("")},
              {"selected", vector("")}};
  slow_ = "all";
  BootTime begin = boot_now();
  auto seen = ask_ratio(100ms);
  EXPECT_EQ(seen.kind, Outcome::kTimedOut);
  EXPECT_NE(seen.error.find("denominator: cannot POST"), std::string::npos) << seen.error;
  EXPECT_LT(boot_now() - begin, 250ms);
}

}  // namespace
}  // namespace ordeal::watch
