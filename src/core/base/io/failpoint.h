// A named point where a test can end or hang the program, as a crash or a hang would. ORDEAL_FAILPOINT is the point's
// name (SIGKILL there), name:stop (SIGSTOP), name:900ms (stays there for so long, as on a slow machine), or any of them
// with @N (the N-th time, from 1). Does nothing otherwise.
#pragma once

#include <string_view>

#include "core/base/clock.h"

namespace ordeal {

void failpoint(std::string_view name);

// What ORDEAL_FAILPOINT asks for; an empty name when it makes no sense.
struct FailpointChoice {
  std::string_view name;
  bool stop = false;
  Nanos stay{0};
  int time = 1;
};
FailpointChoice parse_failpoint(std::string_view text);

}  // namespace ordeal
