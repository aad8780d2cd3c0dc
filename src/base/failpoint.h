// A named point where a test can kill the program: ORDEAL_FAILPOINT=guard.applied ends it there by SIGKILL, as a
// crash would. Does nothing otherwise.
#pragma once

#include <string_view>

namespace ordeal {

void failpoint(std::string_view name);

}  // namespace ordeal
