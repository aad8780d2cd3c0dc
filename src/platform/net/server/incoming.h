// Incoming: the requests of one connection, taken apart as their bytes arrive.
#pragma once

#include "platform/net/http_server.h"
#include "platform/net/server/stream.h"

namespace ordeal::net {

class Incoming : public BodyReader {
 public:
  Incoming(Stream& stream, const HttpServerOptions& options);
  ~Incoming() override;

  // Before each request. What has arrived of it already stays.
  void begin();
  bool nothing_came() const;
  // 0 when it is there, else the status that refuses the request, or kPeerGone. `came` is called at the first byte.
  static constexpr int kPeerGone = -1;
  Task<int> read_head(const std::function<void()>& came);
  HttpRequest request() const;  // of the head
  bool keep_alive() const;
  bool http_1_0() const;

  // The limit of the body from now on; 413 when the head says that it will be larger.
  int limit_body(size_t most);
  Task<int> read_body(std::string& body);
  Task<std::string> read() override;
  bool whole() const override;

 private:
  struct Parsing;
  Task<int> step();
  int parse();
  Task<bool> promise_to_go_on();

  Stream& stream_;
  const HttpServerOptions& options_;
  std::unique_ptr<Parsing> parsing_;
};

}  // namespace ordeal::net
