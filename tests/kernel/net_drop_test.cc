// The verdict that drops, both ways and both families, on this kernel: its share of real packets, none of the others,
// no error for the sender, and nothing once the lease has run out.
#include <sys/socket.h>

#include "fault/packets/traffic.h"
#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::Drop;
using packets::PacketOptions;
using packets::PacketRules;
using packets::PacketTally;
using packets::Traffic;

struct DropCase {
  Direction direction;
  const char* address;
};

class Drops : public ::testing::TestWithParam<DropCase> {
 protected:
  void SetUp() override {
    auto made = make_namespace();
    if (!made) GTEST_SKIP() << made.error().message();
    where_ = std::make_unique<sys::NetNs>(std::move(*made));
    from_ = *udp_socket(*where_, {GetParam().address, 0});
    to_ = *udp_socket(*where_, target_ = {GetParam().address, kPort});
    other_ = *udp_socket(*where_, {GetParam().address, kPort + 1});
  }

  // Both ends live on lo; a packet is meant by its destination alone, once on departure and once on arrival.
  Result<PacketRules> start(double share) {
    PacketOptions options{.direction = GetParam().direction, .verdict = {Drop{}, share}};
    bool arrival = options.direction == Direction::kArrival;
    Traffic traffic;
    traffic.device = "lo";
    traffic.ports = {{arrival ? Traffic::Ports::Side::kLocal : Traffic::Ports::Side::kRemote, kPort, kPort, false}};
    auto chains = [&](std::optional<uint16_t> queue) {
      sys::Chain chain{.name = "drop", .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
      chain.rules = packets::traffic_rules(traffic, options.direction, {}, options.verdict, queue);
      chain.witness = packets::witness_rules(traffic, options.direction, {});
      return std::vector{chain};
    };
    return PacketRules::start(*where_, "ordeal_drop", options, chains, random_);
  }
  size_t arrived(uint32_t count) { return send_one_way(from_.get(), to_.get(), target_, count, 200us, 200ms).size(); }

  std::unique_ptr<sys::NetNs> where_;
  Random random_{1};
  Endpoint target_;
  UniqueFd from_, to_, other_;
};

TEST_P(Drops, ItsShareOfThePacketsAsTheKernelCountsThem) {
  auto rules = start(0.25);
  ASSERT_TRUE(rules) << rules.error().message();
  EXPECT_EQ(rules->descriptors().empty(), GetParam().direction == Direction::kArrival);
  DelayHost host(std::move(*rules));
  size_t passed = arrived(2000);
  ASSERT_TRUE(host.stop());
  PacketTally tally = host.delay().tally();
  EXPECT_NEAR(static_cast<double>(passed), 1500, 100);  // five standard deviations
  EXPECT_EQ(tally.meant, 2000u);
  EXPECT_EQ(tally.spared, passed);
  EXPECT_EQ(tally.hit, 2000 - passed);
  EXPECT_EQ(tally.stats.dropped, 2000 - passed);
  EXPECT_EQ(tally.untaken(), 0u);
}

TEST_P(Drops, AllOfThemAndNoOther) {
  auto rules = start(1);
  ASSERT_TRUE(rules) << rules.error().message();
  DelayHost host(std::move(*rules));
  EXPECT_EQ(arrived(100), 0u);
  Endpoint other{GetParam().address, kPort + 1};
  EXPECT_EQ(send_one_way(from_.get(), other_.get(), other, 100, 200us, 200ms).size(), 100u);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().tally().stats.dropped, 100u);
  EXPECT_EQ(arrived(100), 100u);
}

TEST_P(Drops, TheSenderIsNotTold) {
  auto rules = start(1);
  ASSERT_TRUE(rules) << rules.error().message();
  DelayHost host(std::move(*rules));
  auto storage = target_.storage();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(::sendto(from_.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&storage), target_.size()), 1) << errno;
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().tally().stats.dropped, 10u);
}

TEST_P(Drops, NothingWhenNobodyRenewsTheLease) {
  auto rules = start(1);
  ASSERT_TRUE(rules) << rules.error().message();
  std::this_thread::sleep_for(1100ms);
  EXPECT_EQ(arrived(100), 100u);
  ASSERT_TRUE(rules->look());
  EXPECT_EQ(rules->tally().untaken(), 100u);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Drops,
    ::testing::Values(DropCase{Direction::kArrival, "127.0.0.1"}, DropCase{Direction::kArrival, "::1"},
                      DropCase{Direction::kDeparture, "127.0.0.1"}, DropCase{Direction::kDeparture, "::1"}),
    [](const auto& tested) {
      bool v4 = std::string(tested.param.address) == "127.0.0.1";
      return std::string(tested.param.direction == Direction::kArrival ? "Arrival" : "Departure") + (v4 ? "V4" : "V6");
    });

}  // namespace
}  // namespace ordeal::testing
