// Corruption: one bit of a packet turned over, in two ways that are two faults. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/random.h"

namespace ordeal::packets {

enum class CorruptionKind {
  kDetected,    // the checksum is left as it is: the receiver finds it wrong and drops the packet
  kUndetected,  // the checksum is made anew: the application gets the wrong data
};

// The changed packet, of TCP, UDP or ICMP over IPv4 or IPv6. Nothing where it cannot be hit in this way: a part of a
// fragmented packet, another protocol, a packet without payload (undetected), or without checksum (detected). Without
// payload the bit is one of the checksum itself. The headers stay what they are, so that the packet reaches whom it
// was for.
std::optional<std::vector<uint8_t>> corrupted(std::span<const uint8_t> packet, CorruptionKind kind, Random& random);

}  // namespace ordeal::packets
