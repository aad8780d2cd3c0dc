// RawSocket: sends whole IP packets, header included, each with a mark of its own. One for IPv4, one for IPv6; both
// live in the network namespace where they were opened. Packets go through the output hook again, like any other.
// The kernel fills in an IPv4 header checksum; it refuses what is longer than the route's MTU (EMSGSIZE).
#pragma once

#include <cstdint>
#include <span>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::sys {

class RawSocket {
 public:
  // In the network namespace of the calling thread. Needs CAP_NET_RAW, and CAP_NET_ADMIN for marks. `group`: the file
  // system group that rules can tell the packets by (Rule::sender_group; needs CAP_SETGID); 0 is the thread's own.
  static Result<RawSocket> open(uint32_t group = 0);

  // `device` is the interface the packet was leaving by; 0 lets the kernel choose.
  Result<> send(std::span<const uint8_t> packet, uint32_t mark, uint32_t device);
  // The MTU of an interface of this namespace; 0 when there is none of that index.
  uint32_t mtu_of(uint32_t device) const;

 private:
  RawSocket(UniqueFd v4, UniqueFd v6) : v4_(std::move(v4)), v6_(std::move(v6)) {}

  UniqueFd v4_;
  UniqueFd v6_;  // none where IPv6 is off
};

}  // namespace ordeal::sys
