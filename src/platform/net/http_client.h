// HttpClient: HTTP(S) requests that never block, on libcurl, for a single-threaded loop of any kind.
// The loop watches descriptor() for reading and calls dispatch() when it is ready: every time-out and callback comes
// from inside dispatch(), which does a bounded amount of work. A callback may start, resume and cancel transfers; it
// must not destroy the client.
// Connections are kept alive and reused, redirects are not followed, the environment's proxies are not used. TLS is 1.2
// at least; the certificate must be valid, of a trusted authority and for the name in the URL. An answer's headers may
// have 256 KiB (kTooLarge). A header with a line break is not sent: kBadUrl.
// A file that a call names (token, certificates) is read when its request begins, so a changed one counts from then on
// for every new connection, an authority's within a minute.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/net/http.h"

namespace ordeal::net {

// Local ports [first, first + count) that a connection leaves from, so that a rule can know it. Such a connection is
// reset when it ends, so that its port is free at once.
struct PortRange {
  uint16_t first = 0;
  uint16_t count = 0;
};

// PEM, each as a file or as text; the text is taken where both are given.
struct ClientTls {
  std::string authority_file, authority;      // whom to trust instead of the system's authorities
  std::string certificate_file, certificate;  // who we are, with its chain; needs the key
  std::string key_file, key;
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
  std::string token_file;         // its content is sent as "Authorization: Bearer"
  ClientTls tls;
  std::string tls_name;       // checked in the certificate (and asked for) instead of the URL's host; "" is that
  bool certificates = false;  // of an https URL: the chain that the server shows is kept
  int family = 0;             // AF_INET or AF_INET6: only addresses of it; 0 is any
  bool compressed = false;    // takes a gzip answer too; the body comes unpacked, and `max_body` is of that
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
  std::vector<std::string> certificates{};  // PEM, the server's own first
};

// kOwnLack is a want of this machine's own: descriptors, memory, threads, local ports, the file of a token.
struct HttpFailure {
  enum class Cause { kTimeout, kRefused, kUnreachable, kDns, kTls, kTooLarge, kBadUrl, kBroken, kOwnLack };
  Cause kind = Cause::kBroken;
  Error error;
};
using HttpOutcome = tl::expected<HttpReply, HttpFailure>;

struct HttpHead {
  int status = 0;
  Headers headers;
};

enum class Flow { kGoOn, kPause };
enum class Upload { kMore, kWait, kEnd };

// A transfer whose body comes in pieces, goes in pieces, or both; it may last for days.
// Back-pressure: after kPause, and while a callback works, at most 512 KiB of the answer wait here; then nothing is
// read from the connection until resume(). What `produce` gave is sent before it is asked again.
struct HttpStream {
  HttpCall call;  // its `max_body` does not count; `timeout` is for the head, from the end of what `produce` gives
  Nanos idle_timeout = 60s;  // nothing came or went, while neither on_data nor `produce` keep it waiting; 0 is none
  // Not 0: on_data gets whole lines without their ends, at most this long (a longer one: kTooLarge). A last line
  // without an end is one when the body is complete.
  size_t max_line = 0;

  std::function<void(const HttpHead&)> on_head;  // once, before the body; an answer of 404 is no failure
  std::function<Flow(std::string_view)> on_data;
  std::function<void(const std::optional<HttpFailure>&)> on_end;  // once, the last; not after cancel()
  // Appends the next piece of the request's body, about 64 KiB; kWait until resume(). Such a call takes a fresh
  // connection, since what is sent cannot be sent again.
  std::function<Upload(std::string& body)> produce;
};

class HttpClient {
 public:
  using Ticket = uint64_t;
  using Callback = std::function<void(HttpOutcome)>;

  static Result<HttpClient> create();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  // Ends what is under way without calling back.
  ~HttpClient();

  // From now on no connection goes to this host or its link, whatever a name resolves to: for URLs that are not one's
  // own. To be said before the first start().
  void only_outward();

  Ticket start(HttpCall call, Callback callback);
  Ticket stream(HttpStream stream);
  // Goes on with what on_data paused, and asks `produce` again; both from inside dispatch().
  void resume(Ticket ticket);
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
