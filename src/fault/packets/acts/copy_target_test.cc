#include "fault/packets/acts/copy_target.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <vector>

namespace ordeal::packets {
namespace {

std::vector<uint8_t> packet_to(const char* address) {
  bool v4 = std::string(address).find(':') == std::string::npos;
  std::vector<uint8_t> packet(v4 ? 20 : 40);
  packet[0] = v4 ? 0x45 : 0x60;
  ::inet_pton(v4 ? AF_INET : AF_INET6, address, &packet[v4 ? 16 : 24]);
  return packet;
}

TEST(CopyTarget, AnAddressOfOursIsLeftToTheRoutingTable) {
  EXPECT_EQ(device_of_copy(packet_to("10.9.0.1"), 3), 0u);
  EXPECT_EQ(device_of_copy(packet_to("fd09::1"), 3), 0u);
}

TEST(CopyTarget, ALinkLocalAddressIsOneOfItsDevice) {
  EXPECT_EQ(device_of_copy(packet_to("fe80::1"), 3), 3u);
  EXPECT_EQ(device_of_copy(packet_to("febf::1"), 3), 3u);
}

TEST(CopyTarget, WhatIsForManyHasNone) {
  for (const char* address : {"224.0.0.251", "239.1.1.1", "255.255.255.255", "ff02::1", "ff0e::1"})
    EXPECT_FALSE(device_of_copy(packet_to(address), 3)) << address;
  EXPECT_FALSE(device_of_copy({}, 3));
}

}  // namespace
}  // namespace ordeal::packets
