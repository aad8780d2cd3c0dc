// A payment service fails for a while. The breaker opens and spares it; the fallback answers; then all is well again.
//   cmake --build build/dev --target resilience_sync && build/dev/bin/resilience_sync
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/metrics.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

using namespace ordeal::resilience;
using namespace std::chrono_literals;

std::string pay(int number) {
  if (number >= 3 && number < 9) throw std::runtime_error("connection reset");
  return "paid";
}

int main() {
  CircuitBreaker breaker({.name = "payments", .minimum_calls = 4, .open_for = 100ms, .open_jitter = 0});
  Retry retry({.attempts = 2, .first_delay = 5ms});
  Fallback queued([](const Error& error) { return "queued for later, since it " + to_text(error); });
  Pipeline pipeline{queued, retry, breaker, TimeLimit(1s)};
  std::printf("%s\n\n", pipeline.describe().c_str());

  Metrics metrics;
  auto registered = metrics.add(breaker);
  for (int number = 0; number < 14; ++number) {
    auto answer = pipeline.call([&] { return pay(number); });
    std::printf("payment %2d  %-9s  %s\n", number, to_text(breaker.state()), answer->c_str());
    std::this_thread::sleep_for(20ms);
  }

  std::printf("\n");
  metrics.collect([](const Metrics::Sample& sample) {
    if (sample.value == 0 || sample.type != Metrics::Type::kCounter) return;
    std::printf("%s %s = %g\n", sample.name, sample.labels.back().second.c_str(), sample.value);
  });
}
