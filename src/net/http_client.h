// HttpClient: HTTP(S) requests that never block, on libcurl, for a single-threaded loop of any kind.
// The loop watches descriptor() for reading and calls dispatch() when it is ready: every time-out and callback comes
// from inside dispatch(). A callback may start and cancel transfers; it must not destroy the client.
// Connections are kept alive and reused, redirects are not followed, the environment's proxies are not used.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"

namespace ordeal::net {

// Local ports [first, first + count) that a connection leaves from, so that a rule can know it. Such a connection is
// reset when it ends, so that its port is free at once.
struct PortRange {
  uint16_t first = 0;
  uint16_t count = 0;
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  Headers headers;
  std::string body;
  Nanos timeout = 10s;                 // for the whole transfer, name look-up included; at least 1 ms
  size_t max_body = size_t{16} << 20;  // bytes; a larger answer is kTooLarge
  std::optional<PortRange> local_ports;
  bool connect_only = false;      // ends when TCP is connected: `timings.connect` is the result
  bool fresh_connection = false;  // neither takes a kept connection nor leaves one
  bool insecure = false;          // takes any certificate
  std::string login;              // "user:password" of basic authentication; "" is the URL's, if any
};

struct HttpTimings {
  Nanos connect{0};     // TCP (and TLS) set-up without the name look-up; 0 on a reused connection
  Nanos first_byte{0};  // from the start
  Nanos total{0};
};

struct HttpReply {
  int status = 0;
  Headers headers;
  std::string body;
  HttpTimings timings;
};

// kOwnLack is a want of this machine's own: descriptors, memory, threads, local ports.
struct HttpFailure {
  enum class Kind { kTimeout, kRefused, kUnreachable, kDns, kTls, kTooLarge, kBadUrl, kBroken, kOwnLack };
  Kind kind = Kind::kBroken;
  Error error;
};
using HttpOutcome = tl::expected<HttpReply, HttpFailure>;

class HttpClient {
 public:
  using Ticket = uint64_t;
  using Callback = std::function<void(HttpOutcome)>;

  static Result<HttpClient> create();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  // Ends what is under way without calling back.
  ~HttpClient();

  Ticket start(HttpCall call, Callback callback);
  // The callback will not come. Unknown tickets are ignored.
  void cancel(Ticket ticket);
  size_t under_way() const;

  int descriptor() const;
  void dispatch();

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ordeal::net
