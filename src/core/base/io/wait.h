// Waiting for descriptors.
#pragma once

#include <initializer_list>
#include <optional>
#include <utility>

#include "core/base/clock.h"

namespace ordeal {

// Until one of them can be read or `limit` is over, at most an hour; a signal or an error may end it sooner.
void wait_readable(std::initializer_list<int> descriptors, Nanos limit = std::chrono::hours(1));

// Runs what has a descriptor() and a dispatch() until `answer` is there: whoever gives it has a limit of its own.
template <typename Loop, typename T>
T wait_for(Loop& loop, std::optional<T>& answer) {
  while (!answer) {
    wait_readable({loop.descriptor()});
    loop.dispatch();
  }
  return std::move(*answer);
}

}  // namespace ordeal
