// The proof of a latency attack: how many of the packets that were meant were delayed and went on, and by how much.
// Pure. Packets that were meant and not delayed, or lost on their way, count against it.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

Proof prove_latency(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
