// Ten calls at a time to a service of which every third request hangs: the time limit cancels it, a retry replaces it.
#include "ordeal/resilience/asio.h"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <string>

using namespace ordeal::resilience;
using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<std::string> fetch(int request) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  timer.expires_after(request % 3 == 0 ? 1h : 5ms);
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return "answer to request " + std::to_string(request);
}

template <class Pipeline>
awaitable<void> call(Pipeline& pipeline, int number, int& requests) {
  auto answer = co_await async_call(pipeline, [&] { return fetch(requests++); });
  std::printf("call %d: %s\n", number, answer ? answer->c_str() : to_text(answer.error()).c_str());
}

int main() {
  CircuitBreaker breaker({.name = "search", .failure_percent = 80});
  Bulkhead bulkhead({.name = "search slots", .limit = 10});
  Retry retry({.attempts = 3, .first_delay = 10ms, .budget_ratio = 1});
  Pipeline pipeline{retry, breaker, bulkhead, TimeLimit(20ms)};
  std::printf("%s\n", pipeline.describe().c_str());

  boost::asio::io_context loop;
  int requests = 0;
  for (int number = 0; number < 12; ++number) {
    boost::asio::co_spawn(loop, call(pipeline, number, requests), boost::asio::detached);
  }
  loop.run();
  auto counts = breaker.snapshot();
  std::printf("%lu in time, %lu cancelled, %u still in flight\n", static_cast<unsigned long>(counts.succeeded),
              static_cast<unsigned long>(counts.timed_out), bulkhead.in_flight());
}
