// The fingerprint of before the last run, on disk, for verify-clean.
#pragma once

#include "core/base/result.h"
#include "platform/host/paths.h"

namespace ordeal::cli {

Result<> save_fingerprint(const host::Paths& paths);

}  // namespace ordeal::cli
