// One connection's conversation: bytes in, requests to the handler, bytes out. It knows no sockets.
#pragma once

#include "platform/net/http_server.h"
#include "platform/net/server/stream.h"

namespace ordeal::net {

struct SessionState {
  bool stopping = false;          // set from outside: close after the answer under way
  bool idle = true;               // waiting for the first byte of a request
  std::function<void()> on_stop;  // of the answer under way; called from outside after `stopping` was set
};

Task<> serve_session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state);

}  // namespace ordeal::net
