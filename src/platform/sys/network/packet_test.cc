#include "platform/sys/network/packet.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <vector>

namespace ordeal::sys {
namespace {

TEST(Packet, PrefixesAreReadAndWrittenBack) {
  for (const char* text : {"10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "fd00::/8", "::1", "2001:db8::/33"})
    EXPECT_EQ(Prefix::parse(text)->to_text(), text);
}

TEST(Packet, BitsPastTheLengthAreCleared) {
  EXPECT_EQ(Prefix::parse("10.1.2.3/12")->to_text(), "10.0.0.0/12");
  EXPECT_EQ(Prefix::parse("fd00:ffff::1/20")->to_text(), "fd00:f000::/20");
}

TEST(Packet, WhatIsNoPrefixIsRefused) {
  for (const char* text : {"", "10.1.2", "10.1.2.3/33", "::1/129", "10.1.2.3/", "host", "10.1.2.3/-1", "1.2.3.4/8x"})
    EXPECT_FALSE(Prefix::parse(text)) << text;
}

TEST(Packet, HeadersOfBothVersionsAreRead) {
  std::vector<uint8_t> v4{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  auto header = parse_ip(v4);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->family, AF_INET);
  EXPECT_EQ(header->protocol, IPPROTO_UDP);
  EXPECT_EQ(header->source[3], 1);
  EXPECT_EQ(header->destination[3], 2);

  std::vector<uint8_t> v6(40, 0);
  v6[0] = 0x60;
  v6[6] = IPPROTO_ICMPV6;
  v6[23] = 1;
  v6[39] = 2;
  header = parse_ip(v6);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->family, AF_INET6);
  EXPECT_EQ(header->protocol, IPPROTO_ICMPV6);
  EXPECT_EQ(header->source[15], 1);
  EXPECT_EQ(header->destination[15], 2);
}

TEST(Packet, ShortAndForeignPacketsAreNothing) {
  EXPECT_FALSE(parse_ip({}));
  EXPECT_FALSE(parse_ip(std::vector<uint8_t>(19, 0x45)));
  EXPECT_FALSE(parse_ip(std::vector<uint8_t>(39, 0x60)));
  EXPECT_FALSE(parse_ip(std::vector<uint8_t>(60, 0x50)));
}

}  // namespace
}  // namespace ordeal::sys
