// The fingerprint of before the last run, on disk, for verify-clean, with what the run claims.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "platform/host/paths.h"

namespace ordeal::cli {

// While another run is live, the fingerprint of before that one stays, and this run joins it.
Result<> save_fingerprint(const host::Paths& paths, const std::vector<std::string>& claims);

}  // namespace ordeal::cli
