#include "fault/packets/acts/copy_target.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "platform/sys/network/packet.h"

namespace ordeal::packets {

std::optional<uint32_t> device_of_copy(std::span<const uint8_t> packet, uint32_t in_device) {
  auto header = sys::parse_ip(packet);
  if (!header) return std::nullopt;
  const auto& to = header->destination;
  bool v4 = header->family == AF_INET;
  bool to_many = v4 ? to[0] >= 224 : to[0] == 0xff;  // multicast, and IPv4's broadcast and reserved
  if (to_many) return std::nullopt;
  bool link_local = !v4 && to[0] == 0xfe && (to[1] & 0xc0) == 0x80;
  return link_local ? in_device : 0;
}

}  // namespace ordeal::packets
