// Stream: a connection's bytes, without knowing sockets: TCP, TLS, or a test's script.
#pragma once

#include <span>
#include <string_view>

#include "platform/net/loop.h"

struct ssl_ctx_st;

namespace ordeal::net {

constexpr Nanos kNoDeadline = Nanos::max();

class Stream {
 public:
  virtual ~Stream() = default;
  // 0 at the end, after an error and when the deadline has passed.
  virtual Task<size_t> read_some(std::span<char> into) = 0;
  // False when the peer is gone, or the deadline has passed.
  virtual Task<bool> write(std::string_view bytes) = 0;
  // For all that comes until the next call; when it passes the stream is closed.
  virtual void set_deadline(Nanos from_now) = 0;
  // Nothing more is written. With `drop` what the peer still sends is read and dropped until it is done too: closing
  // over it would reset the connection, and the peer might lose what was written last. A deadline must be set.
  virtual Task<> finish(bool drop) = 0;
};

class Connection : public Stream {
 public:
  // False when the client does not get to speak.
  virtual Task<bool> handshake() = 0;
  // Closes the stream when a deadline passes; ends when it is closed.
  virtual Task<> keep_deadline() = 0;
  virtual void close() = 0;
};

// Takes the descriptor of a connection that was accepted. With `tls` the server's side of TLS.
std::unique_ptr<Connection> make_connection(Loop& loop, int fd, bool v6, ssl_ctx_st* tls);

}  // namespace ordeal::net
