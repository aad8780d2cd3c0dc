#include "payments.h"

#include "ordeal/resilience/retry.h"
#include "service.h"

namespace ordeal::demo {

namespace {

constexpr size_t kMostQueued = 10'000;
constexpr size_t kMostWorkers = 16;
const resilience::RetryOptions kRetries{.attempts = 5, .first_delay = 1s, .jitter = resilience::Jitter::kEqual};

}  // namespace

Payments::Payments(net::Loop& loop, net::Fetcher& fetcher, Guarded& guard, metrics::Registry& registry, std::string url,
                   Nanos timeout)
    : loop_(loop), fetcher_(fetcher), guard_(guard), registry_(registry), url_(std::move(url)), timeout_(timeout) {}

void Payments::count(const char* result) {
  registry_.counter("payments_total", "Payments by what became of them.", {{"result", result}}).add();
}

net::Task<bool> Payments::call_provider(std::string body) {
  auto permit = guard_.acquire();
  if (!permit) co_return false;
  net::HttpCall call;
  call.method = "POST";
  call.url = url_;
  call.body = std::move(body);
  call.headers = {{"Content-Type", "application/json"}};
  call.timeout = timeout_;
  auto outcome = co_await fetcher_.fetch(std::move(call));
  bool good = outcome && outcome->status < 300;
  good ? permit.success() : permit.failure();
  co_return good;
}

net::Task<net::HttpResponse> Payments::pay_now(const net::HttpRequest& request) {
  bool paid = co_await call_provider(request.body);
  if (paid) {
    count("paid");
    co_return json_response(200, "{\"status\":\"succeeded\"}\n");
  }
  count("fallback");
  guard_.count_fallback();
  co_return json_response(200,
                          "{\"id\":\"fallback-payment-intent\",\"status\":\"requires_payment_method\","
                          "\"fallback\":true}\n");
}

net::Task<net::HttpResponse> Payments::pay_later(const net::HttpRequest& request) {
  if (queue_.size() >= kMostQueued) {
    count("rejected");
    co_return json_response(503, "{\"error\":\"too many payments are waiting\"}\n");
  }
  queue_.push_back(request.body);
  count("queued");
  if (workers_ < kMostWorkers) {
    ++workers_;
    loop_.spawn([this] { return work(); });
  }
  co_return json_response(202, "{\"status\":\"queued\"}\n");
}

net::Task<> Payments::work() {
  while (!queue_.empty() && !stopping_) {
    std::string body = std::move(queue_.front());
    queue_.pop_front();
    co_await pay_with_retries(std::move(body));
  }
  --workers_;
}

net::Task<> Payments::pay_with_retries(std::string body) {
  for (uint32_t attempt = 1; !stopping_; ++attempt) {
    bool paid = co_await call_provider(body);
    if (paid) {
      count("paid");
      co_return;
    }
    if (attempt == kRetries.attempts) break;
    BootTime until = boot_now() + resilience::retry_delay(kRetries, attempt, {}, random_.uniform());
    while (!stopping_ && boot_now() < until) co_await loop_.sleep(50ms);
  }
  count("given_up");
}

}  // namespace ordeal::demo
