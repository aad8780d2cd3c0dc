#include "watch/probes/prober.h"

#include <gtest/gtest.h>

#include "platform/net/test_server.h"
#include "watch/sources/poll_until.h"

namespace ordeal::watch {
namespace {

using Outcome = Observation::Outcome;

class ProberTest : public testing::Test {
 protected:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request) {
    if (request.path == "/slow") co_await server_.loop().sleep(200ms);
    co_return net::HttpResponse{request.path == "/bad" ? 503 : 200, R"({"data":{"ok":true,"list":[1,"2.5","x"]}})"};
  }
  template <typename Probe>
  Observation run(const Probe& probe) {
    std::optional<Observation> seen;
    Prober prober(client_, children_);
    prober.start(probe, [&](Observation o) { seen = std::move(o); });
    bool command = std::is_same_v<Probe, CommandProbe>;
    auto done = [&] { return seen.has_value(); };
    EXPECT_TRUE(command ? poll_until(children_, done) : poll_until(client_, done));
    return seen.value_or(Observation{});
  }
  HttpProbe http(const std::string& path) {
    HttpProbe probe;
    probe.url = server_.url(path);
    return probe;
  }

  net::TestServer server_{[this](const net::HttpRequest& request) { return answer(request); }};
  net::HttpClient client_ = std::move(*net::HttpClient::create());
  sys::ChildRunner children_ = std::move(*sys::ChildRunner::create());
};

TEST_F(ProberTest, HttpGivesTheStatusWhateverItIs) {
  EXPECT_EQ(run(http("/")).values.at(0).second, 200);
  EXPECT_EQ(run(http("/bad")).values.at(0).second, 503);
}

TEST_F(ProberTest, HttpLatencyIsInSeconds) {
  auto probe = http("/slow");
  probe.latency = true;
  auto seen = run(probe);
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_GE(seen.values[0].second, 0.2);
  EXPECT_LT(seen.values[0].second, 1.0);
}

TEST_F(ProberTest, HowFastAnErrorCameIsNoLatency) {
  auto probe = http("/bad");
  probe.latency = true;
  auto seen = run(probe);
  EXPECT_EQ(seen.kind, Outcome::kError);
  EXPECT_EQ(seen.error, "HTTP 503");
}

TEST_F(ProberTest, HttpJsonFieldIsRead) {
  auto probe = http("/");
  probe.json_field = "data.list.1";
  EXPECT_EQ(run(probe).values.at(0).second, 2.5);
}

TEST_F(ProberTest, SlowAndRefusedAreToldApart) {
  auto slow = http("/slow");
  slow.timeout = 50ms;
  EXPECT_EQ(run(slow).kind, Outcome::kTimedOut);
  HttpProbe refused;
  refused.url = "http://127.0.0.1:1/";
  EXPECT_EQ(run(refused).kind, Outcome::kError);
}

TEST_F(ProberTest, TcpConnectGivesItsTime) {
  auto seen = run(TcpProbe{"127.0.0.1:" + std::to_string(server_.port()), 1s});
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_GT(seen.values[0].second, 0);
  EXPECT_LT(seen.values[0].second, 0.5);
  EXPECT_EQ(run(TcpProbe{"127.0.0.1:1", 1s}).kind, Outcome::kError);
}

TEST_F(ProberTest, CommandGivesItsExitCode) {
  EXPECT_EQ(run(CommandProbe{{"sh", "-c", "exit 4"}, 1s}).values.at(0).second, 4);
  EXPECT_EQ(run(CommandProbe{{"sleep", "5"}, 50ms}).kind, Outcome::kTimedOut);
  EXPECT_EQ(run(CommandProbe{{"/no/such"}, 1s}).kind, Outcome::kError);
}

TEST(JsonField, EveryCaseHasItsAnswer) {
  const char* text = R"({"a":{"b":[{"c":3},null,true,"1e3","x"]}})";
  EXPECT_EQ(json_field(text, "a.b.0.c").values.at(0).second, 3);
  EXPECT_EQ(json_field(text, "a.b.2").values.at(0).second, 1);
  EXPECT_EQ(json_field(text, "a.b.3").values.at(0).second, 1000);
  EXPECT_EQ(json_field(text, "a.b.4").kind, Outcome::kError);
  EXPECT_EQ(json_field(text, "a.b.1").kind, Outcome::kError);
  EXPECT_EQ(json_field(text, "a.b.9").kind, Outcome::kNoSuchSeries);
  EXPECT_EQ(json_field(text, "a.z").kind, Outcome::kNoSuchSeries);
  EXPECT_EQ(json_field("{", "a").kind, Outcome::kError);
}

}  // namespace
}  // namespace ordeal::watch
