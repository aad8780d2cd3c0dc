// The proof of a DNS fault: of the questions that were meant, how many were done to as asked, by what the reader read
// and what the kernel counted beside it. Pure. UDP and TCP are judged together; one question is enough, because an
// answer is often kept by whoever asked. Questions that passed beside the queue count against it.
#pragma once

#include <vector>

#include "fault/attacks/network/packet_proof.h"

namespace ordeal::fault {

// The verdict is an Ask of a dns::Interceptor.
Proof prove_questions(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions);

}  // namespace ordeal::fault
