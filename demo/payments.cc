#include "payments.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "ordeal/resilience/asio.h"
#include "service.h"

namespace ordeal::demo {

namespace asio = boost::asio;

namespace {

constexpr size_t kMostQueued = 10'000;

resilience::Error failure_of(const net::HttpOutcome& outcome) {
  bool late = !outcome && outcome.error().kind == net::HttpFailure::Cause::kTimeout;
  return failure(late ? resilience::Error::Kind::kTimeLimit : resilience::Error::Kind::kFailed);
}

}  // namespace

Payments::Payments(net::Loop& loop, net::Fetcher& fetcher, PaymentPolicies& policies,
                   resilience::Metrics& policy_metrics, metrics::Registry& registry, std::string url, Nanos timeout)
    : loop_(loop),
      fetcher_(fetcher),
      policies_(policies),
      registry_(registry),
      url_(std::move(url)),
      timeout_(timeout),
      fallback_([](const resilience::Error&) { return Payment::kFallback; }, "stripe"),
      registered_(policy_metrics.add(fallback_)) {}

void Payments::count(const char* result) {
  registry_.counter("payments_total", "Payments by what became of them.", {{"result", result}}).add();
}

net::Task<Payments::Paid> Payments::call_provider(std::string body) {
  net::HttpCall call;
  call.method = "POST";
  call.url = url_;
  call.body = std::move(body);
  call.headers = {{"Content-Type", "application/json"}};
  call.timeout = timeout_;
  auto outcome = co_await fetcher_.fetch(std::move(call));
  if (!outcome || outcome->status >= 300) co_return failure_of(outcome);
  co_return Payment::kPaid;
}

net::Task<net::HttpResponse> Payments::pay_now(const net::HttpRequest& request) {
  resilience::Pipeline pipeline{fallback_, policies_.breaker};
  auto pay = [this, body = request.body] { return call_provider(body); };
  Paid paid = co_await resilience::async_call(pipeline, pay);
  if (*paid == Payment::kPaid) {
    count("paid");
    co_return json_response(200, "{\"status\":\"succeeded\"}\n");
  }
  count("fallback");
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
  start_a_worker();
  co_return json_response(202, "{\"status\":\"queued\"}\n");
}

void Payments::start_a_worker() {
  auto idle = std::find_if(workers_.begin(), workers_.end(), [](const Worker& worker) { return !worker.busy; });
  if (idle == workers_.end()) return;
  idle->busy = true;
  asio::co_spawn(loop_.context(), work(*idle), asio::bind_cancellation_slot(idle->end.slot(), asio::detached));
}

net::Task<> Payments::work(Worker& worker) {
  resilience::Pipeline pipeline{policies_.retry, policies_.breaker};
  while (!queue_.empty() && !stopping_) {
    auto pay = [this, body = std::move(queue_.front())] { return call_provider(body); };
    queue_.pop_front();
    Paid paid = co_await resilience::async_call(pipeline, pay);
    count(paid ? "paid" : "given_up");
  }
  worker.busy = false;
}

void Payments::stop() {
  stopping_ = true;
  for (Worker& worker : workers_) worker.end.emit(asio::cancellation_type::terminal);
}

}  // namespace ordeal::demo
