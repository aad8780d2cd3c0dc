// Packet: the few fields of an IPv4 or IPv6 header that a fault needs, and address prefixes as people write them.
// Pure: no I/O. Bytes are in network order. A packet that is too short or of another version parses to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::sys {

// 10.0.0.0/8, 10.1.2.3, fd00::/8, ::1. Bits past `length` are zero.
struct Prefix {
  int family = 0;  // AF_INET or AF_INET6
  std::array<uint8_t, 16> address{};
  uint8_t length = 0;  // bits: 0 to 32 or 128

  static Result<Prefix> parse(std::string_view text);
  size_t width() const;  // bytes of an address: 4 or 16
  std::string to_text() const;
  std::array<uint8_t, 16> mask() const;
};

struct IpHeader {
  int family = 0;
  std::array<uint8_t, 16> source{};
  std::array<uint8_t, 16> destination{};
  uint8_t protocol = 0;  // IPv6: the first next header
};
std::optional<IpHeader> parse_ip(std::span<const uint8_t> packet);

}  // namespace ordeal::sys
