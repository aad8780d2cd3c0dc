// What stands between a replica and its two dependencies, all of it ordeal::resilience, with its metrics. Declared
// before the loop: coroutines that the loop's end destroys still give back their permits and leases.
#pragma once

#include <libpq-fe.h>

#include <array>
#include <memory>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/metrics.h"
#include "ordeal/resilience/pool.h"
#include "ordeal/resilience/retry.h"

namespace ordeal::demo {

// Of a call whose answer says that it failed.
inline resilience::Error failure(resilience::Error::Kind kind = resilience::Error::Kind::kFailed) {
  return {kind, {}, nullptr};
}

struct CloseDatabase {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using DatabaseConnection = std::unique_ptr<PGconn, CloseDatabase>;  // empty until whoever leases it first connects

struct DatabasePolicies {
  DatabasePolicies(resilience::Metrics& metrics, resilience::CircuitBreakerOptions options, uint32_t connections,
                   resilience::Duration wait)
      : breaker(std::move(options)),
        pool({.name = "postgres", .limit = connections, .wait = wait},
             [] { return std::optional(DatabaseConnection()); }),
        registered{metrics.add(breaker), metrics.add(pool)} {}

  resilience::CircuitBreaker<> breaker;
  resilience::Pool<DatabaseConnection> pool;
  std::array<resilience::Metrics::Registration, 2> registered;
};

// A payment that is queued has time: its retries outlast a breaker that is open.
struct PaymentPolicies {
  PaymentPolicies(resilience::Metrics& metrics, resilience::CircuitBreakerOptions options)
      : breaker(std::move(options)), registered{metrics.add(breaker), metrics.add(retry)} {}

  resilience::CircuitBreaker<> breaker;
  resilience::Retry<> retry{
      {.name = "stripe", .attempts = 5, .jitter = resilience::Jitter::kEqual, .retry_refused = true}};
  std::array<resilience::Metrics::Registration, 2> registered;
};

}  // namespace ordeal::demo
