// Transfers that last: bodies in pieces in both directions, with pauses, against our server and against bad ones.
#include <fstream>

#include "core/base/random.h"
#include "platform/net/client/testing.h"
#include "platform/net/fetcher.h"
#include "platform/net/test_server.h"

namespace ordeal::net {
namespace {

using Cause = HttpFailure::Cause;
constexpr std::string_view kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// A handler whose answer `write` makes.
Handler streaming(std::function<Task<>(BodyWriter&)> write) {
  return [write = std::move(write)](const HttpRequest&) -> Task<HttpResponse> {
    HttpResponse response;
    response.stream = write;
    co_return response;
  };
}

Task<> write_for_ever(BodyWriter& out, std::atomic<size_t>& written) {
  std::string piece(65536, 'x');
  bool taken = true;
  while (taken && !out.stopping()) {
    taken = co_await out.write(piece);
    written += piece.size();
  }
}

class StreamTest : public testing::Test {
 protected:
  HttpClient client_ = std::move(*HttpClient::create());
  Told told_;

  bool until_end() {
    return drive(client_, [this] { return told_.ended; });
  }
  Cause kind_of_failure(HttpStream stream) {
    client_.stream(std::move(stream));
    EXPECT_TRUE(until_end());
    EXPECT_TRUE(told_.failure);
    return told_.failure ? told_.failure->kind : Cause::kBadUrl;
  }
};

TEST_F(StreamTest, TheHeadComesBeforeTheBodyAndAnAnswerOf404IsNoFailure) {
  TestServer* self = nullptr;
  std::atomic<bool> seen = false;
  TestServer server([&](const HttpRequest&) -> Task<HttpResponse> {
    HttpResponse response{404};
    response.headers = {{"X-Here", "yes"}};
    response.stream = [&](BodyWriter& out) -> Task<> {
      while (!seen) co_await self->loop().sleep(1ms);
      std::string text = "late";
      co_await out.write(text);
    };
    co_return response;
  });
  self = &server;
  client_.stream(listen_to(told_, server.url()));
  ASSERT_TRUE(drive(client_, [&] { return told_.head.has_value(); }));
  EXPECT_EQ(told_.head->status, 404);
  EXPECT_EQ(*find_header(told_.head->headers, "x-here"), "yes");
  EXPECT_EQ(told_.data, "");
  seen = true;
  ASSERT_TRUE(until_end());
  EXPECT_EQ(told_.data, "late");
  EXPECT_FALSE(told_.failure) << told_.why();
}

Task<> write_events(BodyWriter& out, Loop& loop, uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text += "event " + std::to_string(i) + std::string(random.below(200), '.') + (i % 2 ? "\n" : "\r\n");
    size_t most = random.below(3000);
    if (text.size() < most) continue;
    bool taken = co_await out.write(text);
    if (!taken) co_return;
    text.clear();
    if (random.below(200) == 0) co_await loop.sleep(1ms);
  }
  co_await out.write(text);
}

TEST_F(StreamTest, TenThousandEventsComeInOrderThroughRandomPauses) {
  TestServer* self = nullptr;
  TestServer server(streaming([&](BodyWriter& out) { return write_events(out, self->loop(), 7); }));
  self = &server;
  Random random(8);
  int next = 0, pauses = 0;
  bool paused = false;
  HttpStream stream = listen_to(told_, server.url(), 1000);
  stream.on_data = [&](std::string_view line) {
    EXPECT_FALSE(paused);
    std::string expected = "event " + std::to_string(next++);
    EXPECT_EQ(line.substr(0, expected.size()), expected);
    paused = random.below(20) == 0;
    pauses += paused;
    return paused ? Flow::kPause : Flow::kGoOn;
  };
  auto ticket = client_.stream(std::move(stream));
  ASSERT_TRUE(drive(client_, [&] {
    if (paused && random.below(3) == 0) {
      paused = false;
      client_.resume(ticket);
    }
    return told_.ended;
  }));
  EXPECT_FALSE(told_.failure) << told_.why();
  EXPECT_EQ(next, 10'000);
  EXPECT_GT(pauses, 100);
}

TEST_F(StreamTest, WhoPausesHoldsTheServerAndTakesNoMemory) {
  std::atomic<size_t> written = 0;
  TestServer server(streaming([&](BodyWriter& out) { return write_for_ever(out, written); }));
  size_t before = allocated(), taken = 0;
  HttpStream stream = listen_to(told_, server.url());
  stream.on_data = [&](std::string_view bytes) {
    taken += bytes.size();
    return Flow::kPause;
  };
  auto ticket = client_.stream(std::move(stream));
  EXPECT_LT(settled(client_, [&] { return written.load(); }), size_t{16} << 20);
  EXPECT_LT(allocated(), before + (size_t{2} << 20));
  EXPECT_LE(taken, size_t{512} << 10);
  client_.resume(ticket);
  EXPECT_TRUE(drive(client_, [&] { return taken > (size_t{100} << 10); }));
  client_.cancel(ticket);
  EXPECT_FALSE(told_.ended);
}

TEST_F(StreamTest, ABodyIsMadePieceByPieceWithWaits) {
  HttpServerOptions options;
  options.streams_body = [](const HttpRequest& request) { return request.path == "/in"; };
  TestServer server(
      [](const HttpRequest& request) -> Task<HttpResponse> {
        size_t bytes = 0, sum = 0;
        while (true) {
          std::string piece = co_await request.incoming->read();
          if (piece.empty()) break;
          bytes += piece.size();
          for (unsigned char c : piece) sum += c;
        }
        std::string whole = request.incoming->whole() ? "whole" : "broken";
        co_return HttpResponse{200, fmt::format("{} {} {} {}", request.method, whole, bytes, sum)};
      },
      options);
  Random random(9);
  size_t bytes = 0, sum = 0;
  int pieces = 0, waits = 0;
  HttpStream stream = listen_to(told_, server.url("/in"));
  stream.call.method = "PATCH";
  stream.produce = [&](std::string& body) {
    if (++pieces > 300) return Upload::kEnd;
    if (random.below(4) == 0 && ++waits) return Upload::kWait;
    for (uint64_t i = random.below(60'000); i > 0; --i) body += static_cast<char>(random.below(256));
    for (unsigned char c : body) sum += c;
    bytes += body.size();
    return Upload::kMore;
  };
  auto ticket = client_.stream(std::move(stream));
  ASSERT_TRUE(drive(client_, [&] {
    client_.resume(ticket);
    return told_.ended;
  }));
  EXPECT_FALSE(told_.failure) << told_.why();
  EXPECT_EQ(told_.data, fmt::format("PATCH whole {} {}", bytes, sum));
  EXPECT_GT(waits, 10);
}

TEST_F(StreamTest, AServerThatDoesNotReadHoldsTheProducer) {
  HttpServerOptions options;
  options.streams_body = [](const HttpRequest&) { return true; };
  TestServer* self = nullptr;
  std::atomic<bool> read = false;
  TestServer server(
      [&](const HttpRequest& request) -> Task<HttpResponse> {
        while (!read) co_await self->loop().sleep(1ms);
        size_t bytes = 0;
        while (true) {
          std::string piece = co_await request.incoming->read();
          bytes += piece.size();
          if (piece.empty()) break;
        }
        co_return HttpResponse{200, std::to_string(bytes)};
      },
      options);
  self = &server;
  size_t made = 0;
  HttpStream stream = listen_to(told_, server.url());
  stream.call.method = "POST";
  stream.produce = [&](std::string& body) {
    body.assign(65536, 'x');
    made += body.size();
    return made >= (size_t{64} << 20) ? Upload::kEnd : Upload::kMore;
  };
  size_t before = allocated();
  client_.stream(std::move(stream));
  EXPECT_LT(settled(client_, [&] { return made; }), size_t{16} << 20);
  EXPECT_LT(allocated(), before + (size_t{2} << 20));
  read = true;
  ASSERT_TRUE(until_end());
  EXPECT_EQ(told_.data, std::to_string(made));
}

TEST_F(StreamTest, SilenceEndsItButNotWhileWePause) {
  RawServer server([](int fd) {
    send_raw(fd, std::string(kChunkedHead) + "4\r\none\n\r\n");
    read_all(fd);
  });
  HttpStream stream = listen_to(told_, server.url(), 100);
  stream.idle_timeout = 1s;
  stream.on_data = [&](std::string_view) { return Flow::kPause; };
  auto ticket = client_.stream(std::move(stream));
  EXPECT_FALSE(drive(
      client_, [&] { return told_.ended; }, 1500ms));
  client_.resume(ticket);
  BootTime resumed = boot_now();
  ASSERT_TRUE(until_end());
  EXPECT_GE(boot_now() - resumed, 900ms);
  EXPECT_EQ(told_.failure->kind, Cause::kTimeout);
  EXPECT_NE(told_.why().find("nothing more within 1000 ms"), std::string::npos) << told_.why();
}

TEST_F(StreamTest, AHeadThatDripsEndsAtTheTimeForTheHead) {
  RawServer server([](int fd) {
    std::string_view text = "HTTP/1.1 200 OK\r\nX: ";
    while (send_raw(fd, text)) {
      text = "y";
      std::this_thread::sleep_for(5ms);
    }
  });
  HttpStream stream = listen_to(told_, server.url());
  stream.call.timeout = 200ms;
  BootTime begun = boot_now();
  EXPECT_EQ(kind_of_failure(std::move(stream)), Cause::kTimeout);
  EXPECT_LT(boot_now() - begun, 5s);
  EXPECT_FALSE(told_.head);
}

TEST_F(StreamTest, EndlessHeadersAndEndlessLinesAreTooLarge) {
  RawServer headers([](int fd) {
    std::string block = "HTTP/1.1 100 Continue\r\n";
    for (int i = 0; i < 100; ++i) block += fmt::format("X-{}: {}\r\n", i, std::string(100, 'y'));
    block += "\r\n";
    while (send_raw(fd, block)) continue;
  });
  EXPECT_EQ(kind_of_failure(listen_to(told_, headers.url())), Cause::kTooLarge);
  EXPECT_NE(told_.why().find("headers are larger than"), std::string::npos) << told_.why();

  RawServer line([](int fd) {
    send_raw(fd, "HTTP/1.1 200 OK\r\n\r\n");
    std::string piece(65536, 'x');
    while (send_raw(fd, piece)) continue;
  });
  size_t before = allocated();
  told_ = {};
  EXPECT_EQ(kind_of_failure(listen_to(told_, line.url(), 1'000'000)), Cause::kTooLarge);
  EXPECT_NE(told_.why().find("a line is longer than 1000000 bytes"), std::string::npos) << told_.why();
  EXPECT_LT(allocated(), before + (size_t{4} << 20));
  EXPECT_EQ(client_.under_way(), 0u);
}

TEST_F(StreamTest, EndlessHeadersAreTooLargeForAPlainCallToo) {
  RawServer server([](int fd) {
    std::string_view text = "HTTP/1.1 200 OK\r\n";
    while (send_raw(fd, text)) text = "A: bcdefghijklmnopqrstuvwxyz\r\n";
  });
  std::optional<HttpOutcome> outcome;
  HttpCall call;
  call.url = server.url();
  client_.start(call, [&](HttpOutcome o) { outcome = std::move(o); });
  ASSERT_TRUE(drive(client_, [&] { return outcome.has_value(); }));
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().kind, Cause::kTooLarge);
}

TEST_F(StreamTest, APieceOfALineIsALineOnlyWhenTheBodyIsComplete) {
  RawServer cut([](int fd) { send_raw(fd, std::string(kChunkedHead) + "7\r\none\ntwo\r\n"); });
  EXPECT_EQ(kind_of_failure(listen_to(told_, cut.url(), 100)), Cause::kBroken);
  EXPECT_EQ(told_.lines, std::vector<std::string>{"one"});
  RawServer whole([](int fd) { send_raw(fd, std::string(kChunkedHead) + "7\r\none\ntwo\r\n0\r\n\r\n"); });
  told_ = {};
  client_.stream(listen_to(told_, whole.url(), 100));
  ASSERT_TRUE(until_end());
  EXPECT_FALSE(told_.failure) << told_.why();
  EXPECT_EQ(told_.lines, (std::vector<std::string>{"one", "two"}));
}

TEST_F(StreamTest, WhatCameBeforeABreakIsToldEvenAfterAPause) {
  RawServer cut([](int fd) { send_raw(fd, std::string(kChunkedHead) + "8\r\none\ntwo\n\r\n"); });
  HttpStream stream = listen_to(told_, cut.url(), 100);
  stream.on_data = [&](std::string_view line) {
    told_.lines.emplace_back(line);
    return Flow::kPause;
  };
  auto ticket = client_.stream(std::move(stream));
  EXPECT_FALSE(drive(
      client_, [&] { return told_.ended; }, 100ms));
  EXPECT_EQ(told_.lines.size(), 1u);
  ASSERT_TRUE(drive(client_, [&] {
    client_.resume(ticket);
    return told_.ended;
  }));
  EXPECT_EQ(told_.lines.size(), 2u);
  EXPECT_EQ(told_.failure->kind, Cause::kBroken);
}

TEST_F(StreamTest, CallbacksMayCancelAndStartOthers) {
  TestServer server(streaming([](BodyWriter& out) -> Task<> {
    std::string text(100'000, 'x');
    co_await out.write(text);
  }));
  HttpClient::Ticket ticket = 0;
  Told other;
  int calls = 0;
  HttpStream stream = listen_to(told_, server.url());
  stream.on_head = [&](const HttpHead&) { client_.stream(listen_to(other, server.url())); };
  stream.on_data = [&](std::string_view) {
    ++calls;
    client_.cancel(ticket);
    return Flow::kGoOn;
  };
  ticket = client_.stream(std::move(stream));
  ASSERT_TRUE(drive(client_, [&] { return other.ended; }));
  EXPECT_EQ(other.data.size(), 100'000u);
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(told_.ended);
  EXPECT_EQ(client_.under_way(), 0u);
}

TEST_F(StreamTest, AnAnswerThatFailsInItsMiddleIsNoWholeOne) {
  TestServer server(streaming([](BodyWriter& out) -> Task<> {
    std::string text = "half";
    co_await out.write(text);
    throw std::runtime_error("boom");
  }));
  EXPECT_EQ(kind_of_failure(listen_to(told_, server.url())), Cause::kBroken);
  EXPECT_EQ(told_.data, "half");
}

TEST_F(StreamTest, ATokenFileIsReadForEachCall) {
  TestServer server([](const HttpRequest& request) -> Task<HttpResponse> {
    co_return HttpResponse{200, *find_header(request.headers, "Authorization")};
  });
  std::string path = testing::TempDir() + "net-token-" + std::to_string(getpid());
  for (const char* token : {"first\n", "second"}) {
    std::ofstream(path) << token;
    told_ = {};
    HttpStream stream = listen_to(told_, server.url());
    stream.call.token_file = path;
    client_.stream(std::move(stream));
    ASSERT_TRUE(until_end());
    EXPECT_EQ(told_.data, "Bearer " + std::string(token).substr(0, std::string(token).find('\n')));
  }
  for (const char* bad : {"", "a\r\nX-Admin: yes"}) {
    std::ofstream(path) << bad;
    told_ = {};
    HttpStream stream = listen_to(told_, server.url());
    stream.call.token_file = path;
    EXPECT_EQ(kind_of_failure(std::move(stream)), Cause::kOwnLack);
  }
  unlink(path.c_str());
  told_ = {};
  HttpStream stream = listen_to(told_, server.url());
  stream.call.token_file = path;
  EXPECT_EQ(kind_of_failure(std::move(stream)), Cause::kOwnLack);
  EXPECT_NE(told_.why().find("No such file"), std::string::npos) << told_.why();
}

TEST_F(StreamTest, AHeaderWithALineBreakIsNotSent) {
  for (const char* bad : {"a\r\nX-Admin: yes", "a\nb", "\r"}) {
    told_ = {};
    HttpStream stream = listen_to(told_, "http://127.0.0.1:1/");
    stream.call.headers = {{"X-Name", bad}};
    EXPECT_EQ(kind_of_failure(std::move(stream)), Cause::kBadUrl);
  }
}

TEST_F(StreamTest, ACoroutineAsksForPieceAfterPieceAndMayLetGo) {
  std::atomic<size_t> written = 0;
  TestServer* self = nullptr;
  TestServer server([&](const HttpRequest& request) -> Task<HttpResponse> {
    HttpResponse response;
    if (request.path == "/events")
      response.stream = [&](BodyWriter& out) { return write_events(out, self->loop(), 1); };
    else
      response.stream = [&](BodyWriter& out) { return write_for_ever(out, written); };
    co_return response;
  });
  self = &server;
  Loop loop;
  auto fetcher = std::move(*Fetcher::create(loop));
  int lines = 0;
  loop.spawn([&]() -> Task<> {
    HttpStream wish;
    wish.call.url = server.url("/events");
    wish.max_line = 1000;
    FetchStream stream = fetcher->open(std::move(wish));
    auto head = co_await stream.head();
    EXPECT_EQ(head->status, 200);
    while (true) {
      auto line = co_await stream.next();
      if (!line) break;
      EXPECT_EQ(line->substr(0, line->find('.')), "event " + std::to_string(lines++));
    }
    EXPECT_FALSE(stream.failure());
  });
  loop.spawn([&]() -> Task<> {
    HttpStream wish;
    wish.call.url = server.url("/for-ever");
    FetchStream stream = fetcher->open(std::move(wish));
    auto piece = co_await stream.next();
    EXPECT_FALSE(piece->empty());
  });
  loop.run();
  EXPECT_EQ(lines, 10'000);
  EXPECT_EQ(fetcher->client().under_way(), 0u);
}

}  // namespace
}  // namespace ordeal::net
