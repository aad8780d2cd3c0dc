// The configurations of two well-known breakers, as they stand, with what they do, and without what hurt their users.
#pragma once

#include "ordeal/resilience/breaker_options.h"

namespace ordeal::resilience {

// opossum 10 (Node), under its own names; milliseconds and percent. The defaults are those of a payment client: they
// are not opossum's own.
struct OpossumOptions {
  uint32_t timeout = 3000;  // not the breaker's here: give it to a TimeLimit
  double errorThresholdPercentage = 50;
  uint32_t resetTimeout = 30000;
  uint32_t rollingCountTimeout = 10000;
  uint32_t rollingCountBuckets = 10;
  uint64_t volumeThreshold = 0;
};
// As there: strictly more than the percentage; calls count when they start; one failure alone opens, unless
// volumeThreshold is set; one probe, whose success closes; no jitter, no growth.
// Not as there, each a trap of the original (opossum 10.0.0):
//  - refused calls do not enter the percentage, so they neither delay nor cause a trip after closing;
//  - closing clears the window: one failure after it does not trip on old ones (resetTimeout < rollingCountTimeout);
//  - a result of a call from before the trip changes nothing: there, a late success closes, a late failure opens again;
//  - a probe that hangs cannot block for ever (there it does with `timeout: false`): see probe_wait;
//  - a filtered error (`errorFilter`), given as an ignored outcome, is no success: it does not close;
//  - a success that meets volumeThreshold trips, if the percentage is exceeded by then (there, the next failure does);
//  - a full bulkhead is no failure of the callee (`capacity`), and its slot is free when the work has ended, not at the
//    timeout;
//  - a failure costs the same whatever the window holds (there, all its latencies are sorted).
CircuitBreakerOptions opossum_like(const OpossumOptions& options = {});

// pybreaker 1.4 (Python); seconds. Its `exclude`, and an `expected_exception`, are classify(ignore<E>()) and
// classify(fail_on<E>()) here.
struct PybreakerOptions {
  uint64_t fail_max = 5;
  double reset_timeout = 60;
  uint32_t success_threshold = 1;
  double timeout_duration = 0;  // reset_timeout by another of its names; used if above 0
};
// As there: fail_max failures in a row open, a success in between starts anew, so 4 of 5 may fail for ever; half-open
// one call at a time, success_threshold successes in a row close.
// Not as there, each a trap of the original:
//  - calls are not serialised by the breaker: a slow call holds nobody up;
//  - the last failure before a trip is reported as itself, not as a refusal;
//  - an ignored outcome does not end the row of failures, nor close (`exclude` does);
//  - cancellation does not count (there, every BaseException does);
//  - a coroutine counts when it has ended (there, `async def` never trips).
CircuitBreakerOptions pybreaker_like(const PybreakerOptions& options = {});

}  // namespace ordeal::resilience
