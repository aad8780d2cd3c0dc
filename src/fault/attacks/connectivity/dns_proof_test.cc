#include "fault/attacks/connectivity/dns_proof.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "fault/packets/dns/interceptor.h"
#include "fault/packets/dns/made_up.h"

namespace ordeal::fault {
namespace {

using namespace packets::dns;
using packets::Direction;

class DnsProof : public ::testing::Test {
 protected:
  // Questions of the victim's over UDP, all of them meant.
  void ask(int count, Act act) {
    reader_ = std::make_shared<Interceptor>(*ChosenNames::parse({}, {}), std::move(act), "", 1);
    std::vector<uint8_t> query = made_up_query(1, "db", kTypeA), packet(28, 0);
    packet.insert(packet.end(), query.begin(), query.end());
    packet[0] = 0x45, packet[9] = IPPROTO_UDP;
    packet[3] = static_cast<uint8_t>(packet.size()), packet[25] = static_cast<uint8_t>(packet.size() - 20);
    for (int i = 0; i < count; ++i) reader_->advise(packet);
  }
  Proof prove() {
    packets::PacketVerdict verdict{packets::Ask{reader_, {100ms}}};
    return prove_questions({verdict, "udp, port 53", 0, 0, 0}, {seen_});
  }

  std::shared_ptr<Interceptor> reader_;
  PacketsSeen seen_{Direction::kDeparture, {}, sys::QueueStyle::kNative};
};

TEST_F(DnsProof, QuestionsThatWereHitAreEnough) {
  ask(20, {.kind = Act::Kind::kDrop});
  EXPECT_TRUE(prove().proven) << prove().reason;
}

TEST_F(DnsProof, WhatCouldNotBeReadCountsAsMissed) {
  ask(10, {.kind = Act::Kind::kDrop});
  for (int i = 0; i < 10; ++i) reader_->advise(std::vector<uint8_t>(5));
  Proof proof = prove();
  EXPECT_FALSE(proof.proven);
  EXPECT_EQ(proof.got, 50);
  EXPECT_NE(proof.measured.find("10 could not be read, and passed"), std::string::npos) << proof.measured;
}

TEST_F(DnsProof, WhatCouldNotBeChangedWasNotHit) {
  ask(20, {.kind = Act::Kind::kDrop});
  seen_.tally.stats.failed = 5;
  EXPECT_FALSE(prove().proven);
  EXPECT_NE(prove().measured.find("5 answers could not be changed, and the real ones passed"), std::string::npos);
}

TEST_F(DnsProof, WhatPassedOverTheBoundWasNotHit) {
  ask(20, {.kind = Act::Kind::kDelay});
  for (int i = 0; i < 10; ++i) seen_.tally.stats.added.add(100ms);
  EXPECT_TRUE(prove().proven) << prove().reason;
  seen_.tally.stats.passed_over_bound = 10;
  EXPECT_FALSE(prove().proven);
  EXPECT_EQ(prove().got, 50);
}

TEST_F(DnsProof, ADelayOfWhichNothingCameToItsEndIsNone) {
  ask(20, {.kind = Act::Kind::kDelay});
  seen_.tally.stats.released_early = 20;
  EXPECT_EQ(prove().reason, "no question over UDP was held for the delay that was asked for");
}

}  // namespace
}  // namespace ordeal::fault
