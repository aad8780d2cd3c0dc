// The server with clients that are slow, rude or gone, and its streams of events.
#include "platform/net/client/testing.h"
#include "platform/net/events/event.h"
#include "platform/net/events/event_hub.h"
#include "platform/net/test_server.h"

namespace ordeal::net {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\n\r\n";

HttpResponse streamed(std::function<Task<>(BodyWriter&)> write) {
  HttpResponse response;
  response.stream = std::move(write);
  return response;
}

Task<> write_two(BodyWriter& out) {
  for (std::string text : {"one ", "two"}) co_await out.write(text);
}

Task<HttpResponse> two(const HttpRequest&) { co_return streamed(write_two); }

TEST(ServerStream, IsChunkedAndTheConnectionGoesOn) {
  TestServer server(two);
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), std::string(kGet) + "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
  std::string answer = read_all(fd.get());
  std::string body = "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n";
  size_t first = answer.find(body);
  ASSERT_NE(first, std::string::npos) << answer;
  EXPECT_NE(answer.find(body, first + 1), std::string::npos) << answer;
}

TEST(ServerStream, OfHttp10EndsWithTheConnection) {
  TestServer server(two);
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  std::string answer = read_all(fd.get());
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n")), "\r\n\r\none two");
  EXPECT_EQ(answer.find("chunked"), std::string::npos);
}

TEST(ServerStream, AHeadRequestGetsNoBody) {
  TestServer server(two);
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
  std::string answer = read_all(fd.get());
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_EQ(answer.find("one"), std::string::npos);
}

TEST(ServerStream, AClientThatHasSentAllAndClosedItsSideGetsAllOfTheAnswer) {
  TestServer* self = nullptr;
  TestServer server([&](const HttpRequest&) -> Task<HttpResponse> {
    co_return streamed([&](BodyWriter& out) -> Task<> {
      for (int i = 0; i < 5; ++i) {
        co_await self->loop().sleep(20ms);
        std::string text = "x";
        co_await out.write(text);
      }
    });
  });
  self = &server;
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), kGet);
  shutdown(fd.get(), SHUT_WR);
  std::string answer = read_all(fd.get());
  EXPECT_TRUE(answer.ends_with("1\r\nx\r\n0\r\n\r\n")) << answer;
}

TEST(ServerStream, AReaderThatStallsIsEndedAndTakesNoMemory) {
  std::atomic<bool> ended = false;
  HttpServerOptions options;
  options.write_timeout = 200ms;
  std::atomic<size_t> written = 0;
  TestServer server(
      [&](const HttpRequest&) -> Task<HttpResponse> {
        co_return streamed([&](BodyWriter& out) -> Task<> {
          std::string piece(65536, 'x');
          bool taken = true;
          while (taken) {
            taken = co_await out.write(piece);
            written += piece.size();
          }
          ended = true;
        });
      },
      options);
  size_t before = allocated();
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), kGet);
  for (int i = 0; i < 500 && !ended; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(ended);
  EXPECT_LT(allocated(), before + (size_t{2} << 20));
  EXPECT_LT(written, size_t{16} << 20);
}

TEST(ServerStream, ASlowHandlerIsNotHeldToTheTimeForARequest) {
  HttpServerOptions options;
  options.request_timeout = options.idle_timeout = 300ms;
  TestServer* self = nullptr;
  TestServer server(
      [&](const HttpRequest&) -> Task<HttpResponse> {
        co_await self->loop().sleep(700ms);
        co_return HttpResponse{200, "late"};
      },
      options);
  self = &server;
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), kGet);
  EXPECT_TRUE(read_all(fd.get()).ends_with("late"));
}

HttpServerOptions body_options() {
  HttpServerOptions options;
  options.streams_body = [](const HttpRequest& request) { return request.path == "/stream"; };
  options.max_streamed_body = 100'000;
  options.idle_timeout = 1s;
  return options;
}

Task<HttpResponse> count_body(const HttpRequest& request) {
  if (!request.incoming) co_return HttpResponse{200, fmt::format("buffered {}", request.body.size())};
  if (request.query == "ignore") co_return HttpResponse{403, "no"};
  size_t bytes = 0;
  while (true) {
    std::string piece = co_await request.incoming->read();
    if (piece.empty()) break;
    bytes += piece.size();
  }
  co_return HttpResponse{200, fmt::format("{} {}", request.incoming->whole() ? "whole" : "broken", bytes)};
}

// All that comes after `request`, and after the client's end where it `ends`.
std::string answer_to(uint16_t port, const std::string& request, bool ends) {
  UniqueFd fd = connect_raw(port);
  send_raw(fd.get(), request);
  if (ends) shutdown(fd.get(), SHUT_WR);
  return read_all(fd.get());
}

TEST(ServerBody, IsBoundedSaidWhenBrokenAndMayBeLeftUnread) {
  TestServer server(count_body, body_options());
  auto answer = [&](const std::string& request, bool ends = false) { return answer_to(server.port(), request, ends); };
  std::string chunked = "POST /stream HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(answer(chunked + "3\r\none\r\n0\r\n\r\n").ends_with("whole 3"));
  EXPECT_TRUE(answer(chunked + "3\r\none\r\n", true).ends_with("broken 3"));
  EXPECT_EQ(answer(chunked + "3\r\none\r\n"), "");
  EXPECT_TRUE(answer(chunked + "3\r\none\r\nzzz\r\n").find("broken") != std::string::npos);
  EXPECT_NE(answer(chunked + "20000\r\n" + std::string(0x20000, 'x') + "\r\n0\r\n\r\n").find("broken"),
            std::string::npos);
  EXPECT_NE(answer("POST /stream HTTP/1.1\r\nContent-Length: 200000\r\n\r\n").find(" 413 "), std::string::npos);
  EXPECT_NE(answer("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\none").find("buffered 3"),
            std::string::npos);
}

TEST(ServerBody, TheAnswerToABodyThatNobodyReadArrives) {
  TestServer server(count_body, body_options());
  for (int i = 0; i < 20; ++i) {
    UniqueFd fd = connect_raw(server.port());
    send_raw(fd.get(), "POST /stream?ignore HTTP/1.1\r\nContent-Length: 90000\r\n\r\n" + std::string(90'000, 'x'));
    std::string answer = read_all(fd.get());
    EXPECT_TRUE(answer.ends_with("no")) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  }
}

TEST(ServerBody, AnEndlessChunkExtensionIsRefused) {
  TestServer server(count_body);
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=");
  std::string piece(8192, 'y');
  int sent = 0;
  while (sent < 10'000 && send_raw(fd.get(), piece)) ++sent;
  EXPECT_LT(sent, 10'000);
}

TEST(ServerBody, TheClientIsAskedToGoOn) {
  TestServer server(count_body, body_options());
  UniqueFd fd = connect_raw(server.port());
  send_raw(fd.get(), "POST /stream HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  char line[64];
  ssize_t got = recv(fd.get(), line, sizeof line, 0);
  EXPECT_EQ(std::string(line, static_cast<size_t>(std::max<ssize_t>(got, 0))), "HTTP/1.1 100 Continue\r\n\r\n");
  send_raw(fd.get(), "one");
  EXPECT_TRUE(read_all(fd.get()).ends_with("whole 3"));
}

// A server with a hub, and calls into its thread.
class HubTest : public testing::Test {
 protected:
  void begin(EventHubOptions options, HttpServerOptions http = {}) {
    Handler handler = [this](const HttpRequest& request) -> Task<HttpResponse> { co_return hub_->answer(request); };
    server_ = std::make_unique<TestServer>(handler, std::move(http));
    in_loop([&] { hub_ = std::make_unique<EventHub>(server_->loop(), std::move(options)); });
  }
  void TearDown() override {
    if (!hub_) return;
    in_loop([&] { hub_->close(); });
    server_.reset();
  }
  void in_loop(const std::function<void()>& function) {
    std::atomic<bool> done = false;
    server_->loop().post([&] {
      function();
      done = true;
    });
    while (!done) std::this_thread::yield();
  }
  void publish(int from, int to, size_t size = 1) {
    in_loop([&] {
      for (int i = from; i < to; ++i) EXPECT_TRUE(hub_->publish("tick", std::to_string(i) + std::string(size, '.')));
    });
  }
  size_t readers() {
    size_t count = 0;
    in_loop([&] { count = hub_->readers(); });
    return count;
  }
  HttpStream reading(std::vector<ServerEvent>& events, std::string last_id = "") {
    HttpStream stream = listen_to(told_, server_->url());
    if (!last_id.empty()) stream.call.headers = {{"Last-Event-ID", last_id}};
    stream.on_data = [this, &events](std::string_view bytes) {
      bytes_ += bytes;
      parser_.feed(bytes);
      while (auto event = parser_.next()) events.push_back(*event);
      return Flow::kGoOn;
    };
    parser_ = EventParser();
    return stream;
  }

  std::unique_ptr<EventHub> hub_;
  std::unique_ptr<TestServer> server_;
  HttpClient client_ = std::move(*HttpClient::create());
  Told told_;
  EventParser parser_;
  std::string bytes_;
};

TEST_F(HubTest, AReaderThatComesBackMissesNothing) {
  begin({.epoch = "run:1"});
  publish(0, 5);
  std::vector<ServerEvent> events;
  auto ticket = client_.stream(reading(events));
  ASSERT_TRUE(drive(client_, [&] { return events.size() == 5; }));
  EXPECT_EQ(*find_header(told_.head->headers, "Content-Type"), "text/event-stream");
  EXPECT_EQ(events[4].type, "tick");
  EXPECT_EQ(events[4].data, "4.");
  EXPECT_EQ(parser_.retry(), milliseconds(2000));
  std::string last = parser_.last_id();
  EXPECT_EQ(last, "run:1:5");
  client_.cancel(ticket);
  publish(5, 8);
  client_.stream(reading(events, last));
  ASSERT_TRUE(drive(client_, [&] { return events.size() == 8; }));
  publish(8, 9);
  ASSERT_TRUE(drive(client_, [&] { return events.size() == 9; }));
  for (size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].data, std::to_string(i) + ".");
}

TEST_F(HubTest, WhoMissedEventsIsToldHowMany) {
  begin({.epoch = "b", .most_events = 10});
  publish(0, 100);
  for (auto [last, lost] : {std::pair{"b:80", R"({"missed": 10})"},
                            {"a:3", R"({"missed": null})"},
                            {"b:101", R"({"missed": null})"},
                            {"nonsense", R"({"missed": null})"}}) {
    std::vector<ServerEvent> events;
    auto ticket = client_.stream(reading(events, last));
    ASSERT_TRUE(drive(client_, [&] { return events.size() == 11; })) << last;
    EXPECT_EQ(events[0].type, "lost");
    EXPECT_EQ(events[0].data, lost) << last;
    EXPECT_EQ(events[1].data, "90.");
    client_.cancel(ticket);
  }
}

TEST_F(HubTest, AReaderThatStallsHoldsNobodyUpAndIsEnded) {
  HttpServerOptions http;
  http.write_timeout = 3s;
  begin({.most_bytes = 1 << 20}, http);
  UniqueFd stalled = connect_raw(server_->port());
  send_raw(stalled.get(), kGet);
  size_t good = 0, missed = 0;
  HttpStream stream = listen_to(told_, server_->url());
  stream.on_data = [&](std::string_view bytes) {
    parser_.feed(bytes);
    while (auto event = parser_.next()) ++(event->type == "lost" ? missed : good);
    return Flow::kGoOn;
  };
  client_.stream(std::move(stream));
  while (readers() < 2)
    drive(
        client_, [] { return false; }, 5ms);
  size_t before = allocated();
  for (int i = 0; i < 3000; ++i) {
    publish(i, i + 1, 10'000);
    drive(client_, [&] { return good == static_cast<size_t>(i) + 1; });
  }
  EXPECT_EQ(good, 3000u);
  EXPECT_EQ(missed, 0u);
  EXPECT_LT(allocated(), before + (size_t{4} << 20));
  EXPECT_TRUE(drive(client_, [&] { return readers() == 1; }));
}

TEST_F(HubTest, SilenceIsFilledWithCommentsAndReadersAreCounted) {
  begin({.most_readers = 1, .keep_alive = 20ms});
  std::vector<ServerEvent> events;
  client_.stream(reading(events));
  ASSERT_TRUE(drive(client_, [&] { return bytes_.find(": \n\n: \n\n") != std::string::npos; }));
  EXPECT_TRUE(events.empty());
  Told second;
  client_.stream(listen_to(second, server_->url()));
  ASSERT_TRUE(drive(client_, [&] { return second.ended; }));
  EXPECT_EQ(second.head->status, 503);
}

TEST_F(HubTest, TheEndOfTheHubOrOfTheServerEndsItsStreams) {
  begin({});
  publish(0, 3);
  std::vector<ServerEvent> events;
  client_.stream(reading(events));
  ASSERT_TRUE(drive(client_, [&] { return events.size() == 3; }));
  in_loop([&] {
    EXPECT_TRUE(hub_->publish("tick", "last"));
    hub_->close();
  });
  ASSERT_TRUE(drive(client_, [&] { return told_.ended; }));
  EXPECT_FALSE(told_.failure) << told_.why();
  EXPECT_EQ(events.back().data, "last");
}

TEST_F(HubTest, StopEndsAStreamThatWaits) {
  begin({});
  std::vector<ServerEvent> events;
  client_.stream(reading(events));
  ASSERT_TRUE(drive(client_, [&] { return told_.head.has_value(); }));
  BootTime begun = boot_now();
  server_.reset();
  EXPECT_LT(boot_now() - begun, 3s);
  ASSERT_TRUE(drive(client_, [&] { return told_.ended; }));
  EXPECT_FALSE(told_.failure) << told_.why();
  hub_.reset();
}

}  // namespace
}  // namespace ordeal::net
