// LatencyProof: what the kernel's counters say of a latency attack, as its proof. Pure. Each direction is judged by
// itself: packets that were meant and not delayed, or lost on their way, count against it.
#pragma once

#include <string>
#include <vector>

#include "core/model/proof.h"
#include "fault/packets/packet_delay.h"
#include "fault/packets/traffic.h"

namespace ordeal::fault {

struct LatencyAsked {
  packets::DelayShape shape;
  std::string traffic;     // in words
  int64_t min_events = 0;  // packets, of each direction
  uint32_t mark = 0;       // on what is sent again
  int lapses = 0;          // times that the kernel's lease ran out before it was renewed
};

struct LatencySeen {
  packets::Direction direction;
  packets::DelayTally tally;
  sys::QueueStyle style = sys::QueueStyle::kNative;
};

Proof prove_latency(const LatencyAsked& asked, const std::vector<LatencySeen>& directions);

}  // namespace ordeal::fault
