// Payments: calls of the payment provider behind the opossum-like breaker. `sync` waits for the provider inside the
// request, as the case study's service did; `queued` (its fix) answers at once and lets a background job call, with
// retries after 1, 2, 4 and 8 s with jitter.
#pragma once

#include <deque>

#include "core/base/random.h"
#include "guarded.h"
#include "platform/net/fetcher.h"
#include "platform/net/http_server.h"

namespace ordeal::demo {

class Payments {
 public:
  // All must outlive this. `timeout` is of a call to the provider.
  Payments(net::Loop& loop, net::Fetcher& fetcher, Guarded& guard, metrics::Registry& registry, std::string url,
           Nanos timeout);

  net::Task<net::HttpResponse> pay_now(const net::HttpRequest& request);
  net::Task<net::HttpResponse> pay_later(const net::HttpRequest& request);
  // Background jobs end at their next step; what is still queued is lost.
  void stop() { stopping_ = true; }

 private:
  net::Task<bool> call_provider(std::string body);
  net::Task<> work();
  net::Task<> pay_with_retries(std::string body);
  void count(const char* result);

  net::Loop& loop_;
  net::Fetcher& fetcher_;
  Guarded& guard_;
  metrics::Registry& registry_;
  std::string url_;
  Nanos timeout_;
  std::deque<std::string> queue_;
  size_t workers_ = 0;
  bool stopping_ = false;
  Random random_{Random::fresh_seed()};
};

}  // namespace ordeal::demo
