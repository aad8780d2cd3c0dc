// The same calls of the same types, in a unit that is compiled with exceptions and in one without.
#pragma once

#include <coroutine>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/classify.h"
#include "ordeal/resilience/coroutine.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience::mixed {

using Function = int (*)();
using Judge = Outcome (*)(const Result<int>&);
struct Ready {
  Function function;
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const {}
  int await_resume() const { return function(); }
};

struct Results {
  Result<int> plain, judged, through_all, awaited;
};
template <bool>
Results call_all(CircuitBreaker<>& breaker, Function function, Judge judge) {
  Retry retry(RetryOptions{.attempts = 1});
  Fallback<Function> fallback(function);
  Pipeline pipeline{fallback.judged_by(judge), retry.judged_by(judge), breaker, TimeLimit(std::chrono::seconds(9))};
  auto guard = guarded(breaker, Ready{function});
  guard.await_ready();
  return {breaker.call(function), breaker.judged_by(judge).call(function), pipeline.call(function),
          guard.await_resume()};
}
Results call_without_exceptions(CircuitBreaker<>& breaker, Function function, Judge judge);

}  // namespace ordeal::resilience::mixed
