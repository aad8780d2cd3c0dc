// The exit codes of every command, and which wins when several apply.
#pragma once

#include <string_view>

#include "base/result.h"

namespace ordeal {

enum class ExitCode {
  kHeld = 0,
  kDeviated = 1,
  kBadInput = 2,
  kRefused = 3,
  kInconclusive = 4,  // also: not injected
  kHalted = 5,
  kRevertFailed = 6,
  kInternal = 7,
};

// The stronger of two: 6, 7, 3, 5, 1, 4, then 2, then 0.
ExitCode stronger(ExitCode a, ExitCode b);
ExitCode exit_code_of(const Error& error);

}  // namespace ordeal
