// HttpServer: a small HTTP/1.1 server on a Loop; each request is a coroutine, each connection is served in order.
// No TLS. Listens on loopback unless told otherwise, and there answers no page of another site (net/local_host.h). A
// handler that throws answers 500. Limits: header block 16 KiB (431), body 1 MiB (413), 30 s of idling, 10 s for one
// request to arrive.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

namespace ordeal::net {

struct HttpRequest {
  std::string method;
  std::string path;   // decoded, without the query
  std::string query;  // as it came, without the question mark
  Headers headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers;
};

using Handler = std::function<Task<HttpResponse>(const HttpRequest&)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  size_t max_header = size_t{16} << 10;
  size_t max_body = size_t{1} << 20;
  size_t max_connections = 1024;  // more are closed at once
  Nanos idle_timeout = 30s;
  Nanos request_timeout = 10s;
};

class HttpServer {
 public:
  // Accepts from the moment that the loop runs. Its connections keep the loop's run() going until stop().
  static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  uint16_t port() const;
  // No new connection; idle ones are closed, requests under way are answered and their connections then closed.
  void stop();

  struct State;

 private:
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// "10.0.0.1:8000" or "[::1]:8000" into address and port; a bare ":8000" is loopback.
Result<std::pair<std::string, uint16_t>> parse_listen_address(std::string_view text);

}  // namespace ordeal::net
