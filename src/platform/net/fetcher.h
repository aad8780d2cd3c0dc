// Fetcher: HttpClient for coroutines on a Loop. It must live as long as the loop runs.
#pragma once

#include "platform/net/http_client.h"
#include "platform/net/loop.h"

namespace ordeal::net {

// A body that is asked for piece by piece; what is not asked for stays with the server (HttpStream's back-pressure).
// Destroying it ends the transfer; not while a coroutine waits in it, and before its Fetcher.
class FetchStream {
 public:
  FetchStream(FetchStream&&) noexcept;
  FetchStream& operator=(FetchStream&&) = delete;
  ~FetchStream();

  // Nothing when the transfer ended before: failure() says why.
  Task<std::optional<HttpHead>> head();
  // A piece, or a line where `max_line` is set; nothing at the end, which is a good one without a failure().
  Task<std::optional<std::string>> next();
  const std::optional<HttpFailure>& failure() const;
  // Asks `produce` again.
  void resume();

 private:
  friend class Fetcher;
  struct State;
  explicit FetchStream(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class Fetcher {
 public:
  static Result<std::unique_ptr<Fetcher>> create(Loop& loop);
  Task<HttpOutcome> fetch(HttpCall call);
  // The three callbacks of `stream` are the handle's own.
  FetchStream open(HttpStream stream);
  HttpClient& client() { return client_; }

 private:
  Fetcher(Loop& loop, HttpClient client) : loop_(loop), client_(std::move(client)) {}
  Loop& loop_;
  HttpClient client_;
};

}  // namespace ordeal::net
