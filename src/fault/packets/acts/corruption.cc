#include "fault/packets/acts/corruption.h"

#include <netinet/in.h>

#include <array>

namespace ordeal::packets {
namespace {

using Bytes = std::span<const uint8_t>;

// What follows the IP headers of a whole packet.
struct Transport {
  bool v4 = false;
  uint8_t protocol = 0;
  size_t at = 0;        // of its header
  size_t checksum = 0;  // of its checksum
  size_t payload = 0;   // where that begins; at most the packet's end
};

size_t be16(Bytes bytes, size_t at) { return static_cast<size_t>(bytes[at] << 8 | bytes[at + 1]); }

std::optional<Transport> after_v4(Bytes packet) {
  if (packet.size() < 20 || be16(packet, 2) != packet.size()) return std::nullopt;
  bool part = (be16(packet, 6) & 0x3fff) != 0;
  if (part) return std::nullopt;
  return Transport{.v4 = true, .protocol = packet[9], .at = 4 * size_t(packet[0] & 15)};
}

std::optional<Transport> after_v6(Bytes packet) {
  if (packet.size() < 40) return std::nullopt;
  Transport next{.protocol = packet[6], .at = 40};
  auto skipped = [](uint8_t header) {
    return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_DSTOPTS;
  };
  while (skipped(next.protocol)) {
    if (next.at + 8 > packet.size()) return std::nullopt;
    next.protocol = packet[next.at];
    next.at += 8 + 8 * size_t(packet[next.at + 1]);
  }
  return next;
}

std::optional<Transport> transport_of(Bytes packet) {
  struct Layout {
    uint8_t protocol;
    size_t header, checksum;
  };
  constexpr std::array<Layout, 4> kLayouts{
      {{IPPROTO_TCP, 20, 16}, {IPPROTO_UDP, 8, 6}, {IPPROTO_ICMP, 8, 2}, {IPPROTO_ICMPV6, 8, 2}}};
  if (packet.empty()) return std::nullopt;
  auto found = packet[0] >> 4 == 4 ? after_v4(packet) : after_v6(packet);
  for (const Layout& layout : kLayouts) {
    if (!found || found->protocol != layout.protocol || found->at + layout.header > packet.size()) continue;
    found->checksum = found->at + layout.checksum;
    found->payload = found->at + (layout.protocol == IPPROTO_TCP ? size_t(packet[found->at + 12] >> 4) * 4 : 8);
    if (found->payload <= packet.size()) return found;
  }
  return std::nullopt;
}

uint32_t sum_of(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? uint32_t(bytes[i]) << 8 : bytes[i];
  return sum;
}

// RFC 1071, with the pseudo header where the protocol has one.
uint16_t checksum_of(Bytes packet, const Transport& transport) {
  uint32_t sum = sum_of(packet.subspan(transport.at));
  if (transport.protocol != IPPROTO_ICMP) {
    sum += sum_of(transport.v4 ? packet.subspan(12, 8) : packet.subspan(8, 32));
    sum += static_cast<uint32_t>(packet.size() - transport.at) + transport.protocol;
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

void make_checksum(std::vector<uint8_t>& packet, const Transport& transport) {
  packet[transport.checksum] = packet[transport.checksum + 1] = 0;
  uint16_t checksum = checksum_of(packet, transport);
  if (checksum == 0 && transport.protocol == IPPROTO_UDP) checksum = 0xffff;
  packet[transport.checksum] = static_cast<uint8_t>(checksum >> 8);
  packet[transport.checksum + 1] = static_cast<uint8_t>(checksum);
}

}  // namespace

std::optional<std::vector<uint8_t>> corrupted(Bytes packet, CorruptionKind kind, Random& random) {
  auto transport = transport_of(packet);
  if (!transport) return std::nullopt;
  bool detected = kind == CorruptionKind::kDetected;
  bool unchecked = transport->protocol == IPPROTO_UDP && be16(packet, transport->checksum) == 0;
  size_t first = transport->payload, count = packet.size() - first;
  if (count == 0) first = transport->checksum, count = detected ? 2 : 0;
  if (count == 0 || (detected && unchecked)) return std::nullopt;
  std::vector<uint8_t> changed(packet.begin(), packet.end());
  changed[first + random.below(count)] ^= static_cast<uint8_t>(1u << random.below(8));
  if (!detected && !unchecked) make_checksum(changed, *transport);
  return changed;
}

}  // namespace ordeal::packets
