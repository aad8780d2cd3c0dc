// Fetcher: HttpClient for coroutines on a Loop. It must live as long as the loop runs.
#pragma once

#include "net/http_client.h"
#include "net/loop.h"

namespace ordeal::net {

class Fetcher {
 public:
  static Result<std::unique_ptr<Fetcher>> create(Loop& loop);
  Task<HttpOutcome> fetch(HttpCall call);
  HttpClient& client() { return client_; }

 private:
  explicit Fetcher(HttpClient client) : client_(std::move(client)) {}
  HttpClient client_;
};

}  // namespace ordeal::net
