// pump: lets a client and what follows it work until somebody has seen enough.
#pragma once

#include <functional>
#include <vector>

#include "core/base/clock.h"
#include "platform/kube/client.h"
#include "platform/kube/mirror.h"

namespace ordeal::cli {

// Until `done` or `until`; true: done. `done` is asked after each thing that happened, and at least every 100 ms.
// `more` is a descriptor that wakes it, too (signals); -1 is none.
bool pump(kube::Client& client, const std::vector<kube::Mirror*>& mirrors, const std::function<bool()>& done,
          BootTime until, int more = -1);

}  // namespace ordeal::cli
