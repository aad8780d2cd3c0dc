// The proof of a blackhole: of the packets that were meant, how many the kernel counted as gone. Pure. The directions
// are judged together, because what is lost on one side is not answered on the other; a single packet is enough.
// Packets that were meant and passed count against it.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

Proof prove_blackhole(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
