// A stream of numbered datagrams whose contents can be checked, and what came of it: what became of packets, seen from
// outside the tool.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"

namespace ordeal {

struct StreamPlan {
  uint32_t count = 0;
  Nanos gap{60'000};
  size_t bytes = 64;       // at least 16
  Nanos patience = 300ms;  // after the last one
};

struct StreamSeen {
  uint64_t sent = 0;
  uint64_t received = 0;  // with copies
  uint64_t distinct = 0;
  uint64_t wrong = 0;  // with other contents than were sent
  uint64_t late = 0;   // overtaken by one that was sent later; copies aside
  uint64_t runs = 0;   // of packets lost one after the other
  Nanos receiving{0};  // from the first to the last
  uint64_t lost() const { return sent - distinct; }
};

// From one socket to another, which may be the same one with an echo behind it; `from` is connected.
StreamSeen run_stream(int from, int to, const StreamPlan& plan);

}  // namespace ordeal
