#include "ordeal/resilience/pool.h"

#include "../range_check.h"

namespace ordeal::resilience {

std::string check(const PoolOptions& options) {
  std::string error = check(BulkheadOptions{options.name, options.limit, options.wait});
  if (!error.empty()) return error;
  bool positive = options.leaked_after > Duration::zero();
  return RangeCheck()
      .that(positive, "leaked_after", std::to_string(options.leaked_after.count()) + " ns", "above 0")
      .error();
}

}  // namespace ordeal::resilience
