// A circuit breaker with its metrics: circuit_breaker_state{service}, circuit_breaker_transitions_total{service,to},
// circuit_breaker_calls_total{service,result} and fallbacks_total{service}.
#pragma once

#include <memory>
#include <string>

#include "ordeal/resilience/circuit_breaker.h"
#include "prometheus/metrics/registry.h"

namespace ordeal::demo {

class Guarded {
 public:
  // The options are our own and valid; the registry must outlive this.
  Guarded(metrics::Registry& registry, const std::string& service, resilience::CircuitBreakerOptions options);

  // A refusal is already counted.
  resilience::CircuitBreaker<>::Permit acquire();
  void count_fallback() { fallbacks_.add(); }

 private:
  metrics::Counter& refused_;
  metrics::Counter& permitted_;
  metrics::Counter& fallbacks_;
  std::unique_ptr<resilience::CircuitBreaker<>> breaker_;
};

}  // namespace ordeal::demo
