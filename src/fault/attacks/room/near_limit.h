// Whether a load uses up a limit, so that everybody below it is hit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ordeal::fault {

// When less than 10 % of the limit, or than twice what is kept back of it, would be left.
inline bool comes_near(int64_t limit, int64_t room, int64_t kept, int64_t added) {
  return room - added < std::max(limit / 10, 2 * kept);
}

}  // namespace ordeal::fault
