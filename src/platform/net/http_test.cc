// Client, server and loop against each other on loopback, plus raw sockets for what a client would never send.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "core/base/io/unique_fd.h"
#include "platform/net/fetcher.h"
#include "platform/net/http_client.h"
#include "platform/net/http_server.h"
#include "platform/net/test_server.h"

namespace ordeal::net {
namespace {

using Cause = HttpFailure::Cause;

HttpOutcome run(HttpClient& client, HttpCall call) {
  std::optional<HttpOutcome> outcome;
  client.start(std::move(call), [&](HttpOutcome o) { outcome = std::move(o); });
  while (!outcome) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    if (poll(&wait, 1, 5000) <= 0) break;
    client.dispatch();
  }
  return outcome ? std::move(*outcome) : HttpOutcome(tl::unexpected(HttpFailure{}));
}

Task<HttpResponse> echo(const HttpRequest& request) {
  HttpResponse response{201, request.method + " " + request.path + " " + request.query + " " + request.body};
  response.headers.emplace_back("X-Seen", *find_header(request.headers, "x-sent"));
  co_return response;
}

HttpCall call(std::string url) {
  HttpCall c;
  c.url = std::move(url);
  c.headers = {{"X-Sent", "yes"}};
  return c;
}

class HttpTest : public testing::Test {
 protected:
  HttpClient client_ = std::move(*HttpClient::create());
};

TEST_F(HttpTest, RequestAndAnswerArriveWhole) {
  TestServer server(echo);
  auto c = call(server.url("/a%20b?q=1"));
  c.method = "POST";
  c.body = std::string(300'000, 'x');
  auto outcome = run(client_, c);
  ASSERT_TRUE(outcome) << outcome.error().error.message();
  EXPECT_EQ(outcome->status, 201);
  EXPECT_EQ(outcome->body, "POST /a b q=1 " + c.body);
  EXPECT_EQ(*find_header(outcome->headers, "x-seen"), "yes");
  EXPECT_GT(outcome->timings.total, 0ns);
}

TEST_F(HttpTest, ConnectionIsKeptAndReused) {
  TestServer server(echo);
  EXPECT_GT(run(client_, call(server.url()))->timings.connect, 0ns);
  EXPECT_EQ(run(client_, call(server.url()))->timings.connect, 0ns);
}

TEST_F(HttpTest, OnlyOutwardIsJudgedByWhatANameResolvesTo) {
  int asked = 0;
  TestServer server([&](const HttpRequest&) -> Task<HttpResponse> {
    ++asked;
    co_return HttpResponse{200, ""};
  });
  EXPECT_TRUE(run(client_, call(fmt::format("http://localhost:{}/", server.port()))));
  HttpClient outward = std::move(*HttpClient::create());
  outward.only_outward();
  for (const char* host : {"localhost", "127.0.0.1", "2130706433", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"}) {
    auto outcome = run(outward, call(fmt::format("http://{}:{}/", host, server.port())));
    ASSERT_FALSE(outcome) << host;
    EXPECT_EQ(outcome.error().kind, HttpFailure::Cause::kUnreachable) << host;
    EXPECT_NE(outcome.error().error.message().find("which is not asked here"), std::string::npos)
        << outcome.error().error.message();
  }
  EXPECT_EQ(asked, 1);
}

TEST_F(HttpTest, OtherMethodsGoThroughAndHeadHasNoBody) {
  TestServer server(echo);
  auto c = call(server.url());
  c.method = "DELETE";
  EXPECT_EQ(run(client_, c)->body, "DELETE /  ");
  c.method = "HEAD";
  EXPECT_EQ(run(client_, c)->body, "");
}

TEST_F(HttpTest, SlowAnswerTimesOutWithoutBlocking) {
  TestServer* self = nullptr;
  TestServer server([&](const HttpRequest&) -> Task<HttpResponse> {
    co_await self->loop().sleep(300ms);
    co_return HttpResponse{};
  });
  self = &server;
  auto c = call(server.url());
  c.timeout = 50ms;
  auto outcome = run(client_, c);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, Cause::kTimeout);
  EXPECT_EQ(outcome.error().error.code, Errc::kTimeout);
}

TEST_F(HttpTest, FailuresAreToldApart) {
  uint16_t closed_port = TestServer(echo).port();
  EXPECT_EQ(run(client_, call("http://127.0.0.1:" + std::to_string(closed_port))).error().kind, Cause::kRefused);
  EXPECT_EQ(run(client_, call("http://no-such-host.invalid/")).error().kind, Cause::kDns);
  EXPECT_EQ(run(client_, call("ftp://127.0.0.1/")).error().kind, Cause::kBadUrl);
  EXPECT_EQ(run(client_, call("not a url")).error().kind, Cause::kBadUrl);
  TestServer server(echo);
  EXPECT_EQ(run(client_, call("https://127.0.0.1:" + std::to_string(server.port()))).error().kind, Cause::kTls);
}

TEST_F(HttpTest, AnswerLargerThanTheLimitIsRefused) {
  TestServer server([](const HttpRequest&) -> Task<HttpResponse> {
    co_return HttpResponse{200, std::string(5000, 'x')};
  });
  auto c = call(server.url());
  c.max_body = 4999;
  EXPECT_EQ(run(client_, c).error().kind, Cause::kTooLarge);
  c.max_body = 5000;
  EXPECT_TRUE(run(client_, c));
}

TEST_F(HttpTest, ConnectOnlyMeasuresTheConnection) {
  TestServer server(echo);
  auto c = call(server.url());
  c.connect_only = true;
  for (int i = 0; i < 3; ++i) {
    auto outcome = run(client_, c);
    ASSERT_TRUE(outcome) << outcome.error().error.message();
    EXPECT_GT(outcome->timings.connect, 0ns);
  }
}

TEST_F(HttpTest, LocalPortRangeIsUsed) {
  TestServer server(echo);
  auto c = call(server.url());
  c.local_ports = PortRange{47100, 50};
  EXPECT_TRUE(run(client_, c));
  // Nothing free in the range: the request fails instead of leaving from elsewhere.
  UniqueFd taken(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  ASSERT_EQ(bind(taken.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(taken.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  c.local_ports = PortRange{ntohs(address.sin_port), 1};
  c.fresh_connection = true;
  EXPECT_FALSE(run(client_, c));
}

TEST_F(HttpTest, AnEndedConnectionLeavesItsLocalPortFree) {
  TestServer server(echo);
  auto c = call(server.url());
  c.local_ports = PortRange{47080, 1};
  c.fresh_connection = true;
  for (int i = 0; i < 5; ++i) {
    auto outcome = run(client_, c);
    ASSERT_TRUE(outcome) << i << ": " << outcome.error().error.message();
  }
}

TEST_F(HttpTest, AFailureDoesNotShowAPassword) {
  auto outcome = run(client_, call("http://me:secret@no-such-host.invalid/"));
  EXPECT_NE(outcome.error().error.message().find("cannot GET http://me:***@no-such-host.invalid/"), std::string::npos)
      << outcome.error().error.message();
}

TEST_F(HttpTest, CancelledTransferNeverCallsBack) {
  TestServer server(echo);
  bool called = false;
  auto ticket = client_.start(call(server.url()), [&](HttpOutcome) { called = true; });
  client_.cancel(ticket);
  EXPECT_EQ(client_.under_way(), 0u);
  EXPECT_TRUE(run(client_, call(server.url())));
  EXPECT_FALSE(called);
}

TEST_F(HttpTest, ThrowingHandlerAnswers500AndTheServerGoesOn) {
  TestServer server([](const HttpRequest& request) -> Task<HttpResponse> {
    if (request.path == "/bad") throw std::runtime_error("boom");
    co_return HttpResponse{};
  });
  EXPECT_EQ(run(client_, call(server.url("/bad")))->status, 500);
  EXPECT_EQ(run(client_, call(server.url("/good")))->status, 200);
}

// Sends bytes as they are and returns all that comes back until the server closes.
std::string raw(uint16_t port, const std::string& bytes) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "no connection";
  send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::string all;
  char chunk[4096];
  ssize_t got;
  while ((got = recv(fd.get(), chunk, sizeof chunk, 0)) > 0) all.append(chunk, static_cast<size_t>(got));
  return all;
}

Task<HttpResponse> fine(const HttpRequest& request) { co_return HttpResponse{200, request.body + "|"}; }

TEST_F(HttpTest, ServerRefusesGarbageAndWhatIsTooLarge) {
  TestServer server(fine);
  EXPECT_NE(raw(server.port(), "nonsense\r\n\r\n").find(" 400 "), std::string::npos);
  EXPECT_NE(raw(server.port(), "GET / HTTP/1.1\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n").find(" 431 "),
            std::string::npos);
  EXPECT_NE(raw(server.port(), "POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n").find(" 413 "), std::string::npos);
}

// A page of another site reaches loopback through a browser: under a name of its own, or with its origin.
TEST_F(HttpTest, OnLoopbackOnlyLocalNamesAreAnswered) {
  TestServer server(fine);
  auto status = [&](const std::string& headers) {
    std::string answer = raw(server.port(), "GET / HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n");
    return answer.size() > 12 ? answer.substr(9, 3) : answer;
  };
  for (const char* good :
       {"", "Host: localhost\r\n", "Host: LocalHost:9464\r\n", "Host: 127.0.0.1:1\r\n", "Host: 127.9.9.9\r\n",
        "Host: [::1]:80\r\n", "Host: [::1]\r\nOrigin: http://localhost:3000\r\n"})
    EXPECT_EQ(status(good), "200") << good;
  for (const char* foreign :
       {"evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost",
        "10.0.0.1", "[::2]", "[::1", "localhost:x", "localhost@evil.example", "127.1", "0.0.0.0", ""})
    EXPECT_EQ(status("Host: " + std::string(foreign) + "\r\n"), "421") << foreign;
  for (const char* origin : {"http://evil.example", "null", "https://localhost.evil.example", "localhost", "file://"})
    EXPECT_EQ(status("Host: localhost\r\nOrigin: " + std::string(origin) + "\r\n"), "403") << origin;
  EXPECT_EQ(status("Host: localhost\r\nHost: evil.example\r\n"), "400");
}

TEST_F(HttpTest, ServerAnswersPipelinedAndChunkedRequestsInOrder) {
  TestServer server(fine);
  std::string answer = raw(server.port(),
                           "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
                           "POST / HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo");
  size_t first = answer.find("one|"), second = answer.find("two|");
  ASSERT_NE(first, std::string::npos) << answer;
  ASSERT_NE(second, std::string::npos) << answer;
  EXPECT_LT(first, second);
}

TEST_F(HttpTest, ServerDropsIdleAndDrippingConnections) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  options.request_timeout = 50ms;
  TestServer server(fine, options);
  EXPECT_EQ(raw(server.port(), ""), "");
  EXPECT_EQ(raw(server.port(), "GET / HT"), "");
}

TEST_F(HttpTest, StopAnswersTheRequestUnderWay) {
  std::optional<HttpOutcome> outcome;
  {
    TestServer* self = nullptr;
    std::atomic<bool> inside = false;
    TestServer server([&](const HttpRequest&) -> Task<HttpResponse> {
      inside = true;
      co_await self->loop().sleep(100ms);
      co_return HttpResponse{200, "late but whole"};
    });
    self = &server;
    client_.start(call(server.url()), [&](HttpOutcome o) { outcome = std::move(o); });
    while (!inside) {
      pollfd wait{client_.descriptor(), POLLIN, 0};
      poll(&wait, 1, 5);
      client_.dispatch();
    }
  }
  while (!outcome) {
    pollfd wait{client_.descriptor(), POLLIN, 0};
    ASSERT_GT(poll(&wait, 1, 5000), 0);
    client_.dispatch();
  }
  ASSERT_TRUE(*outcome) << outcome->error().error.message();
  EXPECT_EQ((*outcome)->body, "late but whole");
}

TEST_F(HttpTest, FetcherServesManyCoroutinesAtOnce) {
  TestServer server(echo);
  Loop loop;
  auto fetcher = std::move(*Fetcher::create(loop));
  int good = 0;
  for (int i = 0; i < 20; ++i) {
    loop.spawn([&]() -> Task<> {
      auto outcome = co_await fetcher->fetch(call(server.url()));
      if (outcome && outcome->status == 201) ++good;
    });
  }
  loop.run();
  EXPECT_EQ(good, 20);
}

TEST_F(HttpTest, OccupiedPortIsAnError) {
  TestServer server(echo);
  Loop loop;
  HttpServerOptions options;
  options.port = server.port();
  auto second = HttpServer::listen(loop, options, echo);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("Address already in use"), std::string::npos);
}

TEST(Percent, EncodesAndDecodesBack) {
  std::string text = "a b&c=d%~+\n\xc3\xa9";
  EXPECT_EQ(percent_decode(percent_encode(text)), text);
  EXPECT_EQ(percent_decode("100%+x%2"), "100% x%2");
}

TEST(ListenAddress, TakesIpv4Ipv6AndABarePort) {
  EXPECT_EQ(parse_listen_address("10.0.0.1:80")->first, "10.0.0.1");
  EXPECT_EQ(parse_listen_address("[::1]:80")->first, "::1");
  EXPECT_EQ(parse_listen_address(":80")->first, "127.0.0.1");
  EXPECT_FALSE(parse_listen_address("10.0.0.1"));
  EXPECT_FALSE(parse_listen_address("10.0.0.1:99999"));
}

}  // namespace
}  // namespace ordeal::net
