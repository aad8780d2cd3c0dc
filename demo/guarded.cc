#include "guarded.h"

namespace ordeal::demo {

namespace {

constexpr const char* kCallsHelp = "Calls through the circuit breaker.";

metrics::Counter& transitions(metrics::Registry& registry, const std::string& service, resilience::State to) {
  return registry.counter("circuit_breaker_transitions_total", "Changes of state of the circuit breaker.",
                          {{"service", service}, {"to", resilience::to_text(to)}});
}

}  // namespace

Guarded::Guarded(metrics::Registry& registry, const std::string& service, resilience::CircuitBreakerOptions options)
    : refused_(
          registry.counter("circuit_breaker_calls_total", kCallsHelp, {{"service", service}, {"result", "refused"}})),
      permitted_(
          registry.counter("circuit_breaker_calls_total", kCallsHelp, {{"service", service}, {"result", "permitted"}})),
      fallbacks_(registry.counter("fallbacks_total", "Answers from the fallback.", {{"service", service}})) {
  metrics::Gauge& state = registry.gauge(
      "circuit_breaker_state", "Circuit breaker state (0=closed, 0.5=half-open, 1=open)", {{"service", service}});
  for (auto to : {resilience::State::kClosed, resilience::State::kHalfOpen, resilience::State::kOpen}) {
    transitions(registry, service, to);
  }
  options.on_event = [&registry, &state, service](const resilience::Event& transition) {
    state.set(resilience::gauge_value(transition.to));
    transitions(registry, service, transition.to).add();
  };
  breaker_ = std::make_unique<resilience::CircuitBreaker<>>(std::move(options));
}

resilience::CircuitBreaker<>::Permit Guarded::acquire() {
  auto permit = breaker_->try_acquire();
  (permit ? permitted_ : refused_).add();
  return permit;
}

}  // namespace ordeal::demo
