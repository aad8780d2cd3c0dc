// The proof of a limited bandwidth: how much went through while packets waited for their turn, and in what time. Pure.
// Traffic that never came up to the rate proves nothing; what passed beside the rule counts against it.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

Proof prove_bandwidth(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
