// Datagrams that are longer than the link allows: they are delayed as a whole, none is lost, and at once after the end
// all is as before. Only their first part has ports, so a rule with ports must not see the parts.
#include "fault/attacks/network/latency_proof.h"
#include "fault/attacks/network/packet_impact.h"
#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::PacketOptions;
using packets::Traffic;

constexpr size_t kBytes = 9000;
constexpr Nanos kDelay = 150ms;
constexpr Nanos kGap = 4ms;  // 250 a second

struct FragmentCase {
  const char* name;
  bool v4;
  Direction direction;
  Traffic::Ports ports;
  Nanos jitter{0};
};

class Fragments : public ::testing::TestWithParam<FragmentCase> {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    bool v4 = GetParam().v4, arrival = GetParam().direction == Direction::kArrival;
    Endpoint here{v4 ? "10.9.0.1" : "fd09::1", kPort}, there{v4 ? "10.9.0.2" : "fd09::2", kPort};
    target_ = arrival ? here : there;
    to_ = *udp_socket(arrival ? *pair_.here : *pair_.there, target_);
    from_ = *udp_socket(arrival ? *pair_.there : *pair_.here, {arrival ? there.address : here.address, 0});
    ASSERT_EQ(send(1, 3s).size(), 1u) << "the neighbours do not find each other";
  }

  // The impact on `here`, from its own arguments.
  std::unique_ptr<fault::Impact> start() {
    fault::PacketAttack arguments;
    arguments.verdict = {packets::Hold{{.delay = kDelay, .jitter = GetParam().jitter}}};
    arguments.directions = {GetParam().direction};
    arguments.mark = 0x400000;
    arguments.min_events = 10;
    arguments.traffic.ports = {GetParam().ports};
    arguments.traffic.protocols = {IPPROTO_UDP};
    auto impact = std::make_unique<fault::PacketImpact>(Victim{}, std::move(arguments), fault::prove_latency);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), std::nullopt, 0}, context);
    EXPECT_TRUE(started) << started.error().message();
    return impact;
  }
  std::vector<Trip> send(uint32_t count, Nanos patience) {
    return send_one_way(from_.get(), to_.get(), target_, count, kGap, patience, kBytes);
  }

  VethPair pair_;
  Random random_{1};
  Endpoint target_;
  UniqueFd from_, to_;
};

TEST_P(Fragments, AreDelayedAsAWholeAndNoneIsLostThenOrLater) {
  ASSERT_EQ(send(25, 500ms).size(), 25u) << "the link itself loses them";
  ImpactHost host(start());
  auto during = send(250, 1s);
  EXPECT_EQ(during.size(), 250u);
  EXPECT_GE(median(during), kDelay - GetParam().jitter);
  EXPECT_LT(median(during), kDelay + GetParam().jitter + 20ms);
  Proof proof = host.revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  ASSERT_EQ(proof.coverage.size(), 1u);
  EXPECT_EQ(proof.coverage[0].affected, 250) << proof.measured;
  EXPECT_EQ(proof.coverage[0].missed, 0) << proof.measured;
  auto after = send(50, 500ms);
  EXPECT_EQ(after.size(), 50u);
  EXPECT_LT(median(after), 20ms);
}

constexpr Traffic::Ports kMeant{Traffic::Ports::Side::kEither, kPort, kPort, false};
constexpr Traffic::Ports kAnotherExcluded{Traffic::Ports::Side::kEither, 53, 53, true};
INSTANTIATE_TEST_SUITE_P(Kinds, Fragments,
                         ::testing::Values(FragmentCase{"ArrivalV4", true, Direction::kArrival, kMeant},
                                           FragmentCase{"ArrivalV6", false, Direction::kArrival, kMeant},
                                           FragmentCase{"DepartureV4", true, Direction::kDeparture, kMeant},
                                           FragmentCase{"DepartureV6", false, Direction::kDeparture, kMeant},
                                           FragmentCase{"ArrivalV4Jitter", true, Direction::kArrival, kMeant, 50ms},
                                           FragmentCase{"ArrivalV4OtherExcluded", true, Direction::kArrival,
                                                        kAnotherExcluded}),
                         [](const auto& tested) { return std::string(tested.param.name); });

class LeftAlone : public Fragments {};

// Their first part is excluded, so the others must not be held either.
TEST_P(LeftAlone, WhatIsExcludedIsNeitherDelayedNorLost) {
  ImpactHost host(start());
  auto during = send(50, 1s);
  EXPECT_EQ(during.size(), 50u);
  EXPECT_LT(median(during), 20ms);
  Proof proof = host.revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("no packet matched"), std::string::npos) << proof.reason;
}

constexpr Traffic::Ports kExcluded{Traffic::Ports::Side::kEither, kPort, kPort, true};
INSTANTIATE_TEST_SUITE_P(Kinds, LeftAlone,
                         ::testing::Values(FragmentCase{"ArrivalV4", true, Direction::kArrival, kExcluded},
                                           FragmentCase{"ArrivalV6", false, Direction::kArrival, kExcluded}),
                         [](const auto& tested) { return std::string(tested.param.name); });

// As on a kernel that cannot put fragments together: they pass, and the tally has them.
TEST_P(LeftAlone, WhereTheyCannotBePutTogetherTheyPassAndAreCounted) {
  Traffic traffic;
  traffic.ports = {kMeant};
  traffic.whole_packets = true;
  PacketOptions options{.verdict = {packets::Hold{{.delay = kDelay}}}};
  auto chains = [&](std::optional<uint16_t> queue) {
    sys::Chain chain{.name = "arrival", .hook = sys::Hook::kPrerouting};
    chain.rules = packets::traffic_rules(traffic, Direction::kArrival, {}, options.verdict, queue);
    chain.witness = packets::witness_rules(traffic, Direction::kArrival, {});
    return std::vector{chain};
  };
  auto delay = packets::PacketRules::start(*pair_.here, "ordeal_parts", options, chains, random_, false);
  ASSERT_TRUE(delay) << delay.error().message();
  DelayHost host(std::move(*delay));
  auto during = send(20, 1s);
  EXPECT_EQ(during.size(), 20u);
  EXPECT_LT(median(during), 20ms);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().tally().fragments, 20u * 7);
  EXPECT_EQ(host.delay().tally().meant, 0u);
}

}  // namespace
}  // namespace ordeal::testing
