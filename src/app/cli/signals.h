// The signals that end a command, as a descriptor to poll.
#pragma once

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::cli {

// Blocks SIGINT, SIGTERM and SIGHUP for the process from here on; threads that are started later inherit it. Reads give
// signalfd_siginfo, and never block.
Result<UniqueFd> take_signals();

}  // namespace ordeal::cli
