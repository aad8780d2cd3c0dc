// Payments: calls of the payment provider behind the opossum-like breaker. `sync` waits for the provider inside the
// request, as the brief's service did; `queued` (its fix) answers at once and lets a background job call, with
// retries after 1, 2, 4 and 8 s with jitter.
#pragma once

#include <array>
#include <boost/asio/cancellation_signal.hpp>
#include <deque>

#include "metrics/registry.h"
#include "net/fetcher.h"
#include "net/http_server.h"
#include "ordeal/resilience/fallback.h"
#include "policies.h"

namespace ordeal::demo {

enum class Payment : uint8_t { kPaid, kFallback };

class Payments {
 public:
  // All must outlive this. `timeout` is of a call to the provider.
  Payments(net::Loop& loop, net::Fetcher& fetcher, PaymentPolicies& policies, resilience::Metrics& policy_metrics,
           metrics::Registry& registry, std::string url, Nanos timeout);

  net::Task<net::HttpResponse> pay_now(const net::HttpRequest& request);
  net::Task<net::HttpResponse> pay_later(const net::HttpRequest& request);
  // Background jobs end at once or with the call that they are making; what is still queued is lost.
  void stop();

 private:
  using Paid = resilience::Result<Payment>;
  struct Worker {
    bool busy = false;
    boost::asio::cancellation_signal end;
  };

  net::Task<Paid> call_provider(std::string body);
  void start_a_worker();
  net::Task<> work(Worker& worker);
  void count(const char* result);

  net::Loop& loop_;
  net::Fetcher& fetcher_;
  PaymentPolicies& policies_;
  metrics::Registry& registry_;
  std::string url_;
  Nanos timeout_;
  resilience::Fallback<Payment (*)(const resilience::Error&)> fallback_;
  resilience::Metrics::Registration registered_;
  std::deque<std::string> queue_;
  std::array<Worker, 16> workers_;
  bool stopping_ = false;
};

}  // namespace ordeal::demo
