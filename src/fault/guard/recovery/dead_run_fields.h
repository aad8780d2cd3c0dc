// How a DeadRun is written and read, wherever it is.
#pragma once

#include "core/json/fields.h"
#include "fault/guard/recovery/dead_runs.h"

namespace ordeal::json {

using guard::DeadRun;

template <>
struct Shape<DeadRun> {
  static constexpr auto kFields =
      std::tuple{must("run", &DeadRun::run), must("undone", &DeadRun::undone), must("as_before", &DeadRun::as_before),
                 must("other_boot", &DeadRun::other_boot), must("failed", &DeadRun::failed)};
};

}  // namespace ordeal::json
