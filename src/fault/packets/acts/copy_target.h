// Where the copy of a packet that arrived can be sent, so that it arrives once more. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ordeal::packets {

// The device to ask for; 0 lets the routing table decide. Nothing for a packet to many receivers: sent again it would
// leave for the network.
std::optional<uint32_t> device_of_copy(std::span<const uint8_t> packet, uint32_t in_device);

}  // namespace ordeal::packets
