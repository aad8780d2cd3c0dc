#include "fault/packets/acts/corruption.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <bit>
#include <numeric>

namespace ordeal::packets {
namespace {

using Packet = std::vector<uint8_t>;

Packet v4_header(uint8_t protocol, size_t rest) {
  size_t length = 20 + rest;
  return {0x45, 0, uint8_t(length >> 8), uint8_t(length), 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
}

Packet v6_header(uint8_t protocol, size_t rest) {
  Packet header{0x60, 0, 0, 0, uint8_t(rest >> 8), uint8_t(rest), protocol, 64};
  for (uint8_t end : std::initializer_list<uint8_t>{1, 2}) {
    header.insert(header.end(), {0xfd, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    header.push_back(end);
  }
  return header;
}

Packet transport(uint8_t protocol, size_t payload) {
  Packet bytes(protocol == IPPROTO_TCP ? 20 : 8, 3);
  if (protocol == IPPROTO_TCP) bytes[12] = 5 << 4;
  for (size_t i = 0; i < payload; ++i) bytes.push_back(static_cast<uint8_t>(i * 7));
  return bytes;
}

size_t checksum_at(uint8_t protocol) { return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2; }

// The sum over everything that the checksum covers; 0xffff where it is right.
uint16_t sum(const Packet& packet, size_t header, uint8_t protocol) {
  uint32_t total = 0;
  auto add = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) total += (i - from) % 2 == 0 ? packet[i] << 8u : packet[i];
  };
  add(header, packet.size());
  if (protocol != IPPROTO_ICMP) {
    header == 20 ? add(12, 20) : add(8, 40);
    total += static_cast<uint32_t>(packet.size() - header) + protocol;
  }
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<uint16_t>(total);
}

Packet make(bool v4, uint8_t protocol, size_t payload) {
  Packet rest = transport(protocol, payload);
  Packet packet = v4 ? v4_header(protocol, rest.size()) : v6_header(protocol, rest.size());
  size_t header = packet.size(), at = header + checksum_at(protocol);
  packet.insert(packet.end(), rest.begin(), rest.end());
  packet[at] = packet[at + 1] = 0;
  uint16_t checksum = static_cast<uint16_t>(~sum(packet, header, protocol));
  packet[at] = static_cast<uint8_t>(checksum >> 8);
  packet[at + 1] = static_cast<uint8_t>(checksum);
  return packet;
}

int different_bits(const Packet& a, const Packet& b, size_t from) {
  int bits = 0;
  for (size_t i = from; i < a.size(); ++i) bits += std::popcount(static_cast<uint8_t>(a[i] ^ b[i]));
  return bits;
}

struct Kind {
  bool v4;
  uint8_t protocol;
};
class EachKind : public ::testing::TestWithParam<Kind> {
 protected:
  size_t header() const { return GetParam().v4 ? 20 : 40; }
  Packet packet(size_t payload) const { return make(GetParam().v4, GetParam().protocol, payload); }
  size_t payload_at() const { return header() + (GetParam().protocol == IPPROTO_TCP ? 20 : 8); }
  bool is_right(const Packet& packet) const { return sum(packet, header(), GetParam().protocol) == 0xffff; }
};

TEST_P(EachKind, DetectedTurnsOneBitAndTheChecksumTells) {
  Random random(1);
  for (size_t payload : {0, 1, 2, 99, 1400})
    for (int i = 0; i < 50; ++i) {
      Packet before = packet(payload);
      ASSERT_TRUE(is_right(before));
      auto after = corrupted(before, CorruptionKind::kDetected, random);
      ASSERT_TRUE(after);
      EXPECT_EQ(different_bits(before, *after, 0), 1);
      EXPECT_FALSE(is_right(*after));
    }
}

TEST_P(EachKind, UndetectedTurnsOneBitOfThePayloadAndTheChecksumIsRight) {
  Random random(2);
  for (size_t payload : {1, 2, 99, 1400})
    for (int i = 0; i < 50; ++i) {
      Packet before = packet(payload);
      auto after = corrupted(before, CorruptionKind::kUndetected, random);
      ASSERT_TRUE(after);
      EXPECT_EQ(different_bits(before, *after, payload_at()), 1);
      EXPECT_EQ(Packet(before.begin(), before.begin() + long(header())),
                Packet(after->begin(), after->begin() + long(header())));
      EXPECT_TRUE(is_right(*after));
    }
  EXPECT_FALSE(corrupted(packet(0), CorruptionKind::kUndetected, random));
}

INSTANTIATE_TEST_SUITE_P(Protocols, EachKind,
                         ::testing::Values(Kind{true, IPPROTO_TCP}, Kind{true, IPPROTO_UDP}, Kind{true, IPPROTO_ICMP},
                                           Kind{false, IPPROTO_TCP}, Kind{false, IPPROTO_UDP},
                                           Kind{false, IPPROTO_ICMPV6}),
                         [](const auto& tested) {
                           return (tested.param.v4 ? "V4x" : "V6x") + std::to_string(tested.param.protocol);
                         });

TEST(Corruption, AUdpPacketWithoutChecksumIsNeverDetected) {
  Random random(3);
  Packet packet = make(true, IPPROTO_UDP, 10);
  packet[26] = packet[27] = 0;
  EXPECT_FALSE(corrupted(packet, CorruptionKind::kDetected, random));
  auto after = corrupted(packet, CorruptionKind::kUndetected, random);
  ASSERT_TRUE(after);
  EXPECT_EQ((*after)[26] + (*after)[27], 0);
}

TEST(Corruption, WhatCannotBeHitIsLeft) {
  Random random(4);
  Packet part = make(true, IPPROTO_UDP, 100), other = make(true, IPPROTO_UDP, 100), cut = make(false, IPPROTO_TCP, 9);
  part[6] = 0x20;
  other[9] = 47;
  for (CorruptionKind kind : {CorruptionKind::kDetected, CorruptionKind::kUndetected}) {
    EXPECT_FALSE(corrupted(part, kind, random));
    EXPECT_FALSE(corrupted(other, kind, random));
    EXPECT_FALSE(corrupted(std::span(cut).first(50), kind, random));
    EXPECT_FALSE(corrupted({}, kind, random));
  }
}

TEST(Corruption, HeadersOfIpv6AreSkipped) {
  Random random(5);
  Packet inner = make(false, IPPROTO_UDP, 50), packet(inner.begin(), inner.begin() + 40);
  packet[6] = IPPROTO_DSTOPTS;
  packet.insert(packet.end(), {IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0});
  packet.insert(packet.end(), inner.begin() + 40, inner.end());
  auto after = corrupted(packet, CorruptionKind::kDetected, random);
  ASSERT_TRUE(after);
  EXPECT_EQ(different_bits(packet, *after, 56), 1);
}

}  // namespace
}  // namespace ordeal::packets
