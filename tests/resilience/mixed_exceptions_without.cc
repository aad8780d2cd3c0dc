// Compiled with -fno-exceptions, and linked first.
#include "mixed_exceptions.h"

namespace ordeal::resilience::mixed {

static_assert(!detail::kExceptions);

Results call_without_exceptions(CircuitBreaker<>& breaker, Function function, Judge judge) {
  return call_all<false>(breaker, function, judge);
}

}  // namespace ordeal::resilience::mixed
