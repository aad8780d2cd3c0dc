// Datagram: UDP and TCP in an IP packet, as far as DNS needs it: where the payload is, an answer to a UDP packet, and
// checksums. Pure. Bytes come from outside; what is not whole, or has headers between IP and UDP or TCP, is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ordeal::packets::dns {

struct Transport {
  int family = 0;
  uint8_t protocol = 0;  // IPPROTO_UDP or IPPROTO_TCP
  size_t at = 0;         // of its header in the packet
  size_t payload = 0;
  size_t end = 0;
  uint32_t sequence = 0;  // TCP
  bool begins = false;    // TCP: SYN
  bool ends = false;      // TCP: FIN or RST
};
std::optional<Transport> transport_of(std::span<const uint8_t> packet);

// Both addresses and ports, as a key.
std::string connection_of(std::span<const uint8_t> packet, const Transport& transport);

// The UDP packet with `payload` that goes back to where `packet` came from, from where it goes.
std::vector<uint8_t> answer_packet(std::span<const uint8_t> packet, const Transport& transport,
                                   std::span<const uint8_t> payload);
// Computes the checksum of the UDP or TCP part anew.
void seal(std::span<uint8_t> packet, const Transport& transport);

}  // namespace ordeal::packets::dns
