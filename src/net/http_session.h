// One connection's conversation: bytes in, requests to the handler, bytes out. It knows no sockets: a Stream is TCP
// today and may be TLS or a test's script.
#pragma once

#include <span>

#include "net/http_server.h"

namespace ordeal::net {

class Stream {
 public:
  virtual ~Stream() = default;
  // 0 at the end, after an error and when the deadline has passed.
  virtual Task<size_t> read_some(std::span<char> into) = 0;
  // False when the peer is gone.
  virtual Task<bool> write(std::string_view bytes) = 0;
  // For the reads to come.
  virtual void set_deadline(Nanos from_now) = 0;
};

struct SessionState {
  bool stopping = false;  // set from outside: close after the answer under way
  bool idle = true;       // waiting for the first byte of a request
};

Task<> serve_session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state);

}  // namespace ordeal::net
