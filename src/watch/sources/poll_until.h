// For tests: dispatches `object` (anything with descriptor() and dispatch()) until `done`, at most 5 s.
#pragma once

#include <poll.h>

#include "core/base/clock.h"

namespace ordeal::watch {

template <typename Object, typename Done>
bool poll_until(Object& object, Done done, Nanos most = 5s) {
  BootTime end = boot_now() + most;
  while (!done() && boot_now() < end) {
    pollfd wait{object.descriptor(), POLLIN, 0};
    poll(&wait, 1, 20);
    object.dispatch();
  }
  return done();
}

}  // namespace ordeal::watch
