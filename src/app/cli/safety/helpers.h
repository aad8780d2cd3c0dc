// Ordeal's helper processes on this host (guards, reapers, burners): whose they are, for verify-clean.
#pragma once

#include <string>
#include <vector>

#include "platform/host/paths.h"
#include "platform/sys/process/process.h"

namespace ordeal::cli {

struct Helper {
  sys::Process process;
  std::string run;         // "" when it cannot be told
  bool elsewhere = false;  // its run is proven to live in another directory than `paths`, or under another user
};

// Those that are alive. What cannot be proven is not `elsewhere`.
std::vector<Helper> find_helpers(const host::Paths& paths);

}  // namespace ordeal::cli
