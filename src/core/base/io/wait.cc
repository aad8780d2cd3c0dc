#include "core/base/io/wait.h"

#include <poll.h>

#include <algorithm>
#include <vector>

namespace ordeal {

void wait_readable(std::initializer_list<int> descriptors, Nanos limit) {
  std::vector<pollfd> polls;
  for (int fd : descriptors) polls.push_back({fd, POLLIN, 0});
  timespec time = to_timespec(std::clamp<Nanos>(limit, Nanos(0), std::chrono::hours(1)));
  ::ppoll(polls.data(), polls.size(), &time, nullptr);
}

}  // namespace ordeal
