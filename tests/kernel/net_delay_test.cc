// The delay of packets, both ways and both families, on this kernel: measured, bounded, and gone without loss.
#include <poll.h>
#include <sys/socket.h>

#include "net_fixture.h"
#include "net_owner.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::PacketOptions;

struct Case {
  Direction direction;
  const char* address;
};

class Delay : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    auto made = make_namespace();
    if (!made) GTEST_SKIP() << made.error().message();
    where_ = std::make_unique<sys::NetNs>(std::move(*made));
    target_ = {GetParam().address, kPort};
    from_ = *udp_socket(*where_, {GetParam().address, 0});
    to_ = *udp_socket(*where_, target_);
  }

  PacketOptions options(Nanos delay) {
    return {.direction = GetParam().direction, .verdict = {packets::Hold{{.delay = delay}}}};
  }
  std::vector<Trip> send(uint32_t count, Nanos gap, Nanos patience) {
    return send_one_way(from_.get(), to_.get(), target_, count, gap, patience);
  }

  std::unique_ptr<sys::NetNs> where_;
  Endpoint target_;
  UniqueFd from_, to_;
};

TEST_P(Delay, AddsWhatWasAskedToEveryPacketInOrder) {
  auto delay = start_delay(*where_, options(50ms), kPort);
  ASSERT_TRUE(delay) << delay.error().message();
  DelayHost host(std::move(*delay));
  auto trips = send(300, 1ms, 1s);
  ASSERT_EQ(trips.size(), 300u);
  for (size_t i = 0; i < trips.size(); ++i) {
    EXPECT_EQ(trips[i].number, i);
    EXPECT_GE(trips[i].took, 50ms);
  }
  EXPECT_LT(median(trips), 51ms);
  auto counters = host.delay().counters();
  ASSERT_TRUE(counters);
  EXPECT_EQ(counters->front().packets, 300u);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().stats().delayed, 300u);
  EXPECT_EQ(host.delay().stats().dropped_on_error, 0u);
  EXPECT_LT(median(send(20, 1ms, 1s)), 5ms);
}

TEST_P(Delay, ACleanStopLosesNoPacketUnderLoad) {
  auto delay = start_delay(*where_, options(10s), kPort);
  ASSERT_TRUE(delay);
  DelayHost host(std::move(*delay));
  std::vector<Trip> trips;
  std::thread sender([&] { trips = send(5000, 50us, 2s); });
  std::this_thread::sleep_for(150ms);
  BootTime start = boot_now();
  ASSERT_TRUE(host.stop());
  EXPECT_LT(boot_now() - start, 500ms);
  sender.join();
  EXPECT_EQ(trips.size(), 5000u);
  EXPECT_GT(host.delay().stats().released_early, 100u);
}

TEST_P(Delay, BeyondTheBoundPacketsPass) {
  PacketOptions bounded = options(300ms);
  bounded.bound.packets = 10;
  auto delay = start_delay(*where_, bounded, kPort);
  ASSERT_TRUE(delay);
  DelayHost host(std::move(*delay));
  auto trips = send(30, 1ms, 1s);
  ASSERT_EQ(trips.size(), 30u);
  EXPECT_LT(trips[0].took, 100ms);
  EXPECT_GE(trips[29].took, 250ms);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().stats().passed_over_bound, 20u);
}

TEST_P(Delay, JitterSpreadsThePackets) {
  PacketOptions spread = options(50ms);
  spread.verdict = {packets::Hold{{.delay = 50ms, .jitter = 30ms}}};
  auto delay = start_delay(*where_, spread, kPort);
  ASSERT_TRUE(delay);
  DelayHost host(std::move(*delay));
  auto trips = send(300, 1ms, 1s);
  ASSERT_EQ(trips.size(), 300u);
  auto least = std::min_element(trips.begin(), trips.end(), [](auto& a, auto& b) { return a.took < b.took; });
  EXPECT_LT(least->took, 35ms);
  EXPECT_GE(least->took, 20ms);
  EXPECT_NEAR(to_millis(median(trips)), 50, 10);
}

TEST_P(Delay, AKilledOwnerLeavesNothingAndTrafficFlowsAtOnce) {
  NetDelayOwner owner(*where_, GetParam().direction, kPort, "200ms");
  ASSERT_TRUE(owner.ready());
  EXPECT_GE(median(send(5, 1ms, 1s)), 200ms);
  owner.kill();
  std::this_thread::sleep_for(100ms);
  auto trips = send(20, 1ms, 500ms);
  EXPECT_EQ(trips.size(), 20u);
  EXPECT_LT(median(trips), 10ms);
  std::string tables;
  EXPECT_EQ(run_in(*where_, {"nft", "list", "tables"}, &tables), 0);
  EXPECT_EQ(tables, "");
}

TEST_P(Delay, AFrozenOwnerIsNoFaultAfterASecond) {
  NetDelayOwner owner(*where_, GetParam().direction, kPort, "200ms");
  ASSERT_TRUE(owner.ready());
  owner.freeze();
  EXPECT_TRUE(send(1, 1ms, 300ms).empty());
  std::this_thread::sleep_for(750ms);
  auto trips = send(20, 1ms, 500ms);
  EXPECT_EQ(trips.size(), 20u);
  EXPECT_LT(median(trips), 10ms);
}

INSTANTIATE_TEST_SUITE_P(Ways, Delay,
                         ::testing::Values(Case{Direction::kArrival, "127.0.0.1"}, Case{Direction::kArrival, "::1"},
                                           Case{Direction::kDeparture, "127.0.0.1"},
                                           Case{Direction::kDeparture, "::1"}),
                         [](const auto& tested) {
                           bool v4 = std::string(tested.param.address) == "127.0.0.1";
                           return std::string(tested.param.direction == Direction::kArrival ? "Arrival" : "Departure") +
                                  (v4 ? "V4" : "V6");
                         });

class Departure : public Delay {};

// 0x1 is the sender's own; the bit of the delay is added to it, not put in its place.
TEST_P(Departure, WhatIsSentAgainKeepsItsMarkAndCarriesOurBit) {
  auto counting = where_->run([]() -> Result<sys::NftTable> {
    sys::Rule rule("both bits");
    rule.mark(0xffffffff, 0x00400001).counter();
    sys::TableSpec spec{.name = "ordeal_count", .chains = {{"out", sys::Hook::kOutput, 0, {rule}}}};
    return sys::NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), spec);
  });
  ASSERT_TRUE(counting) << counting.error().message();
  int mark = 1;
  ASSERT_EQ(::setsockopt(from_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
  auto delay = start_delay(*where_, options(20ms), kPort);
  ASSERT_TRUE(delay);
  DelayHost host(std::move(*delay));
  EXPECT_EQ(send(10, 1ms, 1s).size(), 10u);
  EXPECT_EQ(counting->counters()->front().packets, 10u);
}

TEST_P(Departure, WhatIsLongerThanTheDeviceAllowsIsHeldInstead) {
  ASSERT_EQ(run_in(*where_, {"ip", "link", "set", "lo", "mtu", "1500"}), 0);
  auto delay = start_delay(*where_, options(50ms), kPort);
  ASSERT_TRUE(delay);
  DelayHost host(std::move(*delay));
  std::vector<uint8_t> large(9000, 7);
  auto storage = target_.storage();
  BootTime start = boot_now();
  ASSERT_EQ(::sendto(from_.get(), large.data(), large.size(), 0, reinterpret_cast<sockaddr*>(&storage), target_.size()),
            9000);
  pollfd polled{to_.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 1000), 1);
  EXPECT_EQ(::recv(to_.get(), large.data(), large.size(), 0), 9000);
  EXPECT_GE(boot_now() - start, 50ms);
  EXPECT_LT(boot_now() - start, 60ms);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().stats().dropped_on_error, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ways, Departure,
                         ::testing::Values(Case{Direction::kDeparture, "127.0.0.1"},
                                           Case{Direction::kDeparture, "::1"}),
                         [](const auto& tested) { return std::string(tested.param.address) == "::1" ? "V6" : "V4"; });

}  // namespace
}  // namespace ordeal::testing
