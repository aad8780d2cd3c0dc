// What the kernel's counters and the queue say of an attack on packets, in one direction each: what an attack's proof
// is made from. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/model/proof.h"
#include "fault/packets/packet_rules.h"
#include "fault/packets/packet_verdict.h"

namespace ordeal::fault {

struct PacketsAsked {
  packets::PacketVerdict verdict;
  std::string traffic;     // in words
  int64_t min_events = 0;  // packets, of each direction
  uint32_t mark = 0;       // on what is sent again
  int lapses = 0;          // times that the kernel's lease ran out before it was renewed
  Nanos in_force{0};
};

struct PacketsSeen {
  packets::Direction direction;
  packets::PacketTally tally;
  sys::QueueStyle style = sys::QueueStyle::kNative;
};

// Each direction is judged by itself; packets that were meant and escaped the verdict count against it.
using ProvePackets = Proof (*)(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

inline const char* name_of(packets::Direction direction) {
  return direction == packets::Direction::kArrival ? "arrival" : "departure";
}
// What one direction has to say.
struct DirectionProof {
  Coverage coverage;
  std::string measured;
  std::string lacking;  // why it proves nothing; "" when it does
  double got = 0;
};
// Fills in `proof`, which has its unit and what was asked: proven when every direction is, and got is what is farthest
// from what was asked.
Proof prove_each(Proof proof, const std::vector<PacketsSeen>& directions,
                 const std::function<DirectionProof(const PacketsSeen&)>& judge);
// " (the kernel's lease ran out 2 times: a busy machine)", or "".
std::string lapses_in_words(int lapses);
// Why a direction in which nothing at all was meant proves nothing.
std::string nothing_matched(const PacketsAsked& asked, const PacketsSeen& seen);

}  // namespace ordeal::fault
