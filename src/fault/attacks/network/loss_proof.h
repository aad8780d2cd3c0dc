// The proof of a packet loss: of the packets that were meant, how many the kernel counted as dropped. Pure. Losses that
// should have been and were not (packets that passed while the rule was not in force) count against it, and so does a
// share of dropped ones that chance does not explain.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

Proof prove_loss(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
