#include "fault/packets/dns/interceptor.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "core/base/random.h"
#include "fault/packets/dns/made_up.h"

namespace ordeal::packets::dns {
namespace {

using Packet = std::vector<uint8_t>;

constexpr size_t kTcp = 20;

void put(Packet& packet, size_t at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    packet[at + static_cast<size_t>(i)] = static_cast<uint8_t>(value >> 8 * (bytes - 1 - i));
}

Packet ip_packet(int family, uint8_t protocol, const Packet& inside) {
  size_t header = family == AF_INET ? 20 : 40;
  Packet packet(header, 0);
  packet[0] = family == AF_INET ? 0x45 : 0x60;
  if (family == AF_INET) put(packet, 2, static_cast<uint32_t>(header + inside.size()), 2);
  if (family == AF_INET6) put(packet, 4, static_cast<uint32_t>(inside.size()), 2);
  packet[family == AF_INET ? 9 : 6] = protocol;
  packet[family == AF_INET ? 12 : 8] = 1;   // 1.0.0.0 asks
  packet[family == AF_INET ? 16 : 24] = 2;  // 2.0.0.0
  packet.insert(packet.end(), inside.begin(), inside.end());
  return packet;
}

Packet udp_packet(int family, const Packet& payload) {
  Packet udp(8, 0);
  put(udp, 0, 4000, 2), put(udp, 2, 53, 2), put(udp, 4, static_cast<uint32_t>(8 + payload.size()), 2);
  udp.insert(udp.end(), payload.begin(), payload.end());
  return ip_packet(family, IPPROTO_UDP, udp);
}

Packet segment(uint32_t sequence, const Packet& payload, uint8_t flags = 0x10) {
  Packet tcp(kTcp, 0);
  put(tcp, 0, 53, 2), put(tcp, 2, 4000, 2), put(tcp, 4, sequence, 4);
  tcp[12] = 5 << 4, tcp[13] = flags;
  tcp.insert(tcp.end(), payload.begin(), payload.end());
  Packet packet = ip_packet(AF_INET, IPPROTO_TCP, tcp);
  seal(packet, *transport_of(packet));
  return packet;
}

Packet payload_of(const Packet& packet) {
  auto transport = transport_of(packet);
  return {packet.begin() + static_cast<std::ptrdiff_t>(transport->payload), packet.end()};
}

Interceptor reader(Act act, const std::vector<std::string>& names = {"bad"}) {
  return {*ChosenNames::parse(names, {}), std::move(act), "", 1};
}
const Act kUnknown{.kind = Act::Kind::kAnswer, .code = kNxDomain};
const Act kLost{.kind = Act::Kind::kDrop};

Packet join(const std::vector<Packet>& parts) {
  Packet all;
  for (const Packet& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

bool is_sealed(const Packet& packet) {
  Packet copy = packet;
  seal(copy, *transport_of(copy));
  return copy == packet;
}

TEST(Interceptor, AQuestionOverUdpIsAnsweredFromTheServersAddress) {
  for (int family : {AF_INET, AF_INET6}) {
    Interceptor some = reader(kUnknown);
    EXPECT_EQ(some.advise(udp_packet(family, made_up_query(1, "good", kTypeA))).act, Advice::Act::kPass);
    Advice advice = some.advise(udp_packet(family, made_up_query(2, "bad", kTypeA)));
    EXPECT_EQ(advice.act, Advice::Act::kDrop);
    auto transport = transport_of(advice.packet);
    ASSERT_TRUE(transport);
    EXPECT_TRUE(is_sealed(advice.packet));
    EXPECT_EQ(advice.packet[family == AF_INET ? 12 : 8], 2);
    EXPECT_EQ(advice.packet[transport->at + 1], 53);
    EXPECT_EQ(question_of_answer(payload_of(advice.packet))->name, "bad");
    EXPECT_EQ(some.over_udp().questions, 2u);
    EXPECT_EQ(some.over_udp().hit, 1u);
  }
}

TEST(Interceptor, AddressesAreOfTheQuestionsFamilyAndOtherTypesPass) {
  Interceptor fixed = reader({.kind = Act::Kind::kAnswer, .addresses = {*sys::Prefix::parse("10.0.0.9")}, .ttl = 5});
  Packet a = payload_of(fixed.advise(udp_packet(AF_INET, made_up_query(1, "bad", kTypeA))).packet);
  EXPECT_EQ(Packet(a.end() - 4, a.end()), (Packet{10, 0, 0, 9}));
  Packet aaaa = payload_of(fixed.advise(udp_packet(AF_INET, made_up_query(1, "bad", kTypeAaaa))).packet);
  EXPECT_EQ(aaaa[7], 0);
  EXPECT_EQ(aaaa[3] & 15, kNoError);
  EXPECT_EQ(fixed.advise(udp_packet(AF_INET, made_up_query(1, "bad", 15))).act, Advice::Act::kPass);
  Interceptor random = reader({.kind = Act::Kind::kAnswer, .random_address = true});
  Packet drawn = payload_of(random.advise(udp_packet(AF_INET, made_up_query(1, "bad", kTypeA))).packet);
  EXPECT_EQ(drawn[drawn.size() - 4], 198);
  EXPECT_EQ(drawn[drawn.size() - 3] & 0xfe, 18);
}

TEST(Interceptor, OverTcpOnlyTheAnswersThatAreMeantChange) {
  Interceptor some = reader(kUnknown);
  Packet good = made_up_answer(made_up_query(1, "good", kTypeA), {1, 2, 3, 4});
  Packet bad = made_up_answer(made_up_query(2, "bad", kTypeA), {1, 2, 3, 4}, 40);
  EXPECT_EQ(some.advise(segment(99, {}, 0x12)).act, Advice::Act::kPass);
  EXPECT_EQ(some.advise(segment(100, with_length(good))).act, Advice::Act::kPass);
  auto next = static_cast<uint32_t>(100 + 2 + good.size());
  Packet three = join({with_length(good), with_length(bad), with_length(good)});
  Advice advice = some.advise(segment(next, three));
  ASSERT_EQ(advice.act, Advice::Act::kReplace);
  EXPECT_TRUE(is_sealed(advice.packet));
  Packet changed = payload_of(advice.packet);
  ASSERT_EQ(changed.size(), three.size());
  auto begin = static_cast<std::ptrdiff_t>(good.size() + 2), end = begin + static_cast<std::ptrdiff_t>(bad.size() + 2);
  EXPECT_TRUE(std::equal(three.begin(), three.begin() + begin + 2, changed.begin()));
  EXPECT_TRUE(std::equal(three.begin() + end, three.end(), changed.begin() + end));
  EXPECT_EQ(changed[static_cast<size_t>(begin) + 2 + 3] & 15, kNxDomain);
  // Sent again it is changed in the same way, and counted once.
  EXPECT_EQ(some.advise(segment(next, three)).packet, advice.packet);
  EXPECT_EQ(some.over_tcp().hit, 1u);
  EXPECT_EQ(some.over_tcp().questions, 4u);
}

TEST(Interceptor, MessagesAreFoundHoweverTheyAreCut) {
  Packet stream;
  Random random(7);
  for (uint16_t i = 0; i < 60; ++i) {
    Packet answer = made_up_answer(made_up_query(i, i % 3 ? "good" : "bad", kTypeA), {1, 2, 3, 4}, random.below(90));
    stream = join({stream, with_length(answer)});
  }
  for (int round = 0; round < 50; ++round) {
    Interceptor some = reader(kLost);
    some.advise(segment(4294967000u - 1, {}, 0x12));  // its numbers begin anew underway
    for (size_t at = 0, size; at < stream.size(); at += size) {
      size = std::min<size_t>(1 + random.below(200), stream.size() - at);
      if (size < 80 && round % 2) size = std::min<size_t>(120, stream.size() - at);
      Packet part(stream.begin() + static_cast<std::ptrdiff_t>(at),
                  stream.begin() + static_cast<std::ptrdiff_t>(at + size));
      some.advise(segment(static_cast<uint32_t>(4294967000u + at), part));
    }
    EXPECT_LE(some.over_tcp().questions, 60u);
    EXPECT_EQ(some.over_tcp().questions + some.over_tcp().unread, 60u);  // a head of which too little came is not read
  }
}

TEST(Interceptor, AConnectionThatIsOlderIsTakenUpAtAMessage) {
  Interceptor some = reader(kUnknown);
  Packet bad = made_up_answer(made_up_query(2, "bad", kTypeA), {1, 2, 3, 4}, 40);
  EXPECT_EQ(some.advise(segment(5000, Packet(30, 'x'))).act, Advice::Act::kPass);
  EXPECT_EQ(some.over_tcp().unread, 1u);
  EXPECT_EQ(some.advise(segment(6000, with_length(bad))).act, Advice::Act::kReplace);
  EXPECT_EQ(some.over_tcp().hit, 1u);
}

TEST(Interceptor, WhatIsDroppedLeavesOthersOfItsSegmentAlone) {
  Interceptor some = reader(kLost);
  Packet good = made_up_answer(made_up_query(1, "good", kTypeA), {1, 2, 3, 4});
  Packet bad = made_up_answer(made_up_query(2, "bad", kTypeA), {1, 2, 3, 4});
  EXPECT_EQ(some.advise(segment(100, with_length(bad))).act, Advice::Act::kDrop);
  Packet both = join({with_length(bad), with_length(good)});
  Packet changed = payload_of(some.advise(segment(static_cast<uint32_t>(102 + bad.size()), both)).packet);
  EXPECT_NE(changed[3], both[3]);
  EXPECT_TRUE(std::equal(both.begin() + 4, both.end(), changed.begin() + 4));
}

TEST(Interceptor, WhatIsDroppedLeavesTheEndOfAnEarlierAnswerAlone) {
  Interceptor some = reader(kLost);
  Packet good = made_up_answer(made_up_query(1, "good", kTypeA), {1, 2, 3, 4}, 40);
  Packet bad = made_up_answer(made_up_query(2, "bad", kTypeA), {1, 2, 3, 4});
  Packet both = join({with_length(good), with_length(bad)});
  size_t first = good.size() - 10;
  Packet head(both.begin(), both.begin() + static_cast<std::ptrdiff_t>(first));
  Packet tail(both.begin() + static_cast<std::ptrdiff_t>(first), both.end());
  EXPECT_EQ(some.advise(segment(100, head)).act, Advice::Act::kPass);
  Advice advice = some.advise(segment(static_cast<uint32_t>(100 + first), tail));
  ASSERT_EQ(advice.act, Advice::Act::kReplace);
  Packet changed = payload_of(advice.packet);
  ASSERT_EQ(changed.size(), tail.size());
  EXPECT_TRUE(std::equal(tail.begin(), tail.begin() + 14, changed.begin()));  // the good one's end, and a length
  EXPECT_NE(changed[14], tail[14]);
}

TEST(Interceptor, WhatIsNoQuestionIsNotUnread) {
  Interceptor some = reader(kUnknown);
  some.advise(udp_packet(AF_INET, made_up_answer(made_up_query(1, "bad", kTypeA), {1, 2, 3, 4})));
  EXPECT_EQ(some.over_udp().others, 1u);
  EXPECT_EQ(some.over_udp().unread, 0u);
  some.advise(Packet(3));
  EXPECT_EQ(some.over_udp().unread, 1u);
}

TEST(Interceptor, NoiseDoesNothing) {
  Random random(3);
  Interceptor some = reader(kUnknown, {});
  for (int i = 0; i < 20000; ++i) {
    Packet packet = i % 2 ? segment(static_cast<uint32_t>(random.below(400)), Packet(random.below(80)))
                          : udp_packet(AF_INET, Packet(random.below(80)));
    for (size_t k = 0, n = random.below(6); k < n && !packet.empty(); ++k)
      packet[random.below(packet.size())] = static_cast<uint8_t>(random.below(256));
    packet.resize(packet.size() - random.below(std::min<size_t>(packet.size(), 4)));
    some.advise(packet);
  }
}

}  // namespace
}  // namespace ordeal::packets::dns
