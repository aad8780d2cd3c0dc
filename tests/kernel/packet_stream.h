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
  std::vector<BootTime> sent_at, received_at;
  uint64_t lost() const { return sent - distinct; }
  // After which no other one was really sent within so long, so that nothing could overtake them.
  uint64_t alone(Nanos delay) const;
  // Received in a second, over the middle half of the time.
  double rate() const;
};

// From one socket to another, which may be the same one with an echo behind it; `from` is connected.
StreamSeen run_stream(int from, int to, const StreamPlan& plan);

}  // namespace ordeal
