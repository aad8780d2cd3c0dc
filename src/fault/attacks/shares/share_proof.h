// The proof of an attack on a share of the packets: of the packets that were meant, how many the kernel or the queue's
// reader counted as hit. Pure. What should have been hit and was not (packets that passed while the rule was not in
// force, copies that could not be sent) counts against it, and so does a share that chance, corrected for bursts, does
// not explain.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

Proof prove_share(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
