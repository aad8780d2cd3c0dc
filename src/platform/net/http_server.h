// HttpServer: a small HTTP/1.1 server on a Loop, with TLS when given a certificate; each request is a coroutine, each
// connection is served in order.
// Listens on loopback unless told otherwise, and there answers no page of another site (net/local_host.h). A handler
// that throws answers 500. Limits: header block 16 KiB (431), body 1 MiB (413), 30 s of idling, 10 s for one request to
// arrive and for a TLS handshake. A client that does not take 64 KiB of an answer within 30 s is ended. A handler may
// take as long as it likes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/net/http.h"
#include "platform/net/loop.h"
#include "platform/net/server/tls_identity.h"

namespace ordeal::net {

// A request's body as it comes. Until it is asked for the rest stays with the client.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece, at most about 64 KiB; "" at the end, also when the client is gone, was silent for the idle time-out
  // or sends more than the limit.
  virtual Task<std::string> read() = 0;
  // All of it was read.
  virtual bool whole() const = 0;
};

// An answer's body as it is made.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Done when the kernel has the bytes. False, then and for ever: the client is gone or does not read.
  virtual Task<bool> write(std::string_view bytes) = 0;
  // The server is to end: who writes without an end ends now.
  virtual bool stopping() const = 0;
  // Called once when it is to end, so that who waits may wake up.
  virtual void on_stop(std::function<void()> function) = 0;
};

struct HttpRequest {
  std::string method;
  std::string path;   // decoded, without the query
  std::string query;  // as it came, without the question mark
  Headers headers;
  std::string body;
  BodyReader* incoming = nullptr;  // instead of `body`, where the options' streams_body says so
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers;
  // Makes the body instead of `body`; the request lives until it ends. If it throws, the connection ends without the
  // body's end, so that the client knows.
  std::function<Task<>(BodyWriter&)> stream = nullptr;
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
  Nanos write_timeout = 30s;
  std::optional<TlsFiles> tls;
  // Whose handler is called once the head is there, and reads the body itself. What it leaves unread ends the
  // connection after the answer.
  std::function<bool(const HttpRequest&)> streams_body;
  size_t max_streamed_body = size_t{1} << 30;
};

class HttpServer {
 public:
  // Accepts from the moment that the loop runs. Its connections keep the loop's run() going until stop().
  static Result<std::unique_ptr<HttpServer>> listen(Loop& loop, HttpServerOptions options, Handler handler);
  ~HttpServer();

  uint16_t port() const;
  // Why the certificate and key as they lie there now are not used; those of before are.
  const std::optional<Error>& tls_trouble() const;
  // No new connection; idle ones are closed, requests under way are answered and their connections then closed.
  // A stream without an end must ask BodyWriter::stopping().
  void stop();

  struct State;

 private:
  explicit HttpServer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// "10.0.0.1:8000" or "[::1]:8000" into address and port; a bare ":8000" is loopback.
Result<std::pair<std::string, uint16_t>> parse_listen_address(std::string_view text);

}  // namespace ordeal::net
