// For commands that ask a Prometheus before anything runs: one question at a time, waiting for the answer.
#pragma once

#include <poll.h>

#include <optional>

#include "net/http_client.h"
#include "watch/prometheus_source.h"

namespace ordeal::session {

// Runs the client until `answer` is there; every question ends by its time-out.
template <typename T>
T wait_for(net::HttpClient& client, std::optional<T>& answer) {
  while (!answer) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    client.dispatch();
  }
  return std::move(*answer);
}

}  // namespace ordeal::session
