#include <cstdio>
#include <string>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/classify.h"
#include "ordeal/resilience/coroutine.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/metrics.h"
#include "ordeal/resilience/pool.h"
#include "ordeal/resilience/presets.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

using namespace ordeal::resilience;
using namespace std::chrono_literals;

int main() {
  CircuitBreaker breaker(pybreaker_like({.fail_max = 2}));
  Retry retry({.attempts = 3, .first_delay = 0ns});
  Bulkhead bulkhead({.limit = 4});
  Fallback fallback([](const Error& error) { return "from the cache, since it " + to_text(error); });
  Pipeline pipeline{fallback, retry, breaker, bulkhead, TimeLimit(1s)};
  auto broken = [](const std::string& text) { return text.empty(); };
  auto judged = breaker.judged_by(classify(fail_if(broken)));
  for (int i = 0; i < 2; ++i) (void)Pipeline{judged}.call([] { return std::string(); });
  auto answer = pipeline.call([] { return std::string("fresh"); });

  Metrics metrics;
  auto registered = metrics.add(breaker);
  bool exported = metrics.write_prometheus().find("circuit_breaker_state") != std::string::npos;
  std::string error;
  bool refused = CircuitBreaker<>::create({.probes = 0}, error) == nullptr;
  std::printf("%s; %s; exported %d\n", answer->c_str(), error.c_str(), exported);
  return breaker.state() == State::kOpen && answer->starts_with("from the cache") && exported && refused ? 0 : 1;
}
