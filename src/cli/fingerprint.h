// The fingerprint of before the last run, on disk, for verify-clean.
#pragma once

#include "base/result.h"
#include "guard/paths.h"

namespace ordeal::cli {

Result<> save_fingerprint(const guard::Paths& paths);

}  // namespace ordeal::cli
