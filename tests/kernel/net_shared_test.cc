// Several delays in one network namespace, and what the removal of a base chain there does to the packets they hold.
#include <sys/socket.h>

#include "net_fixture.h"
#include "net_owner.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::PacketOptions;

constexpr uint16_t kOtherPort = 7001;
constexpr uint32_t kCount = 200;

class SharedNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_namespace();
    if (!made) GTEST_SKIP() << made.error().message();
    where_ = std::make_unique<sys::NetNs>(std::move(*made));
    from_ = *udp_socket(*where_, {"127.0.0.1", 0});
    to_ = *udp_socket(*where_, target_);
  }

  static PacketOptions options(Nanos delay, Direction direction = Direction::kArrival) {
    return {.direction = direction, .verdict = {packets::Hold{{.delay = delay}}}};
  }
  std::unique_ptr<DelayHost> delay(uint16_t port, const PacketOptions& options) {
    auto made = start_delay(*where_, options, port);
    EXPECT_TRUE(made) << made.error().message();
    return made ? std::make_unique<DelayHost>(std::move(*made)) : nullptr;
  }
  // kCount packets within 20 ms, and `happens` when they are all held.
  std::vector<Trip> send_while(const std::function<void()>& happens, Nanos patience = 1500ms) {
    std::vector<Trip> trips;
    std::thread sender([&] { trips = send_one_way(from_.get(), to_.get(), target_, kCount, 100us, patience); });
    std::this_thread::sleep_for(100ms);
    happens();
    sender.join();
    return trips;
  }
  size_t tables() {
    std::string text;
    EXPECT_EQ(run_in(*where_, {"nft", "list", "tables"}, &text), 0);
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  static std::pair<Nanos, Nanos> range(const std::vector<Trip>& trips) {
    auto [least, most] =
        std::minmax_element(trips.begin(), trips.end(), [](auto& a, auto& b) { return a.took < b.took; });
    return {least->took, most->took};
  }

  std::unique_ptr<sys::NetNs> where_;
  Endpoint target_{"127.0.0.1", kPort};
  UniqueFd from_, to_;
};

class SharedBy : public SharedNamespace, public ::testing::WithParamInterface<Direction> {};

TEST_P(SharedBy, TheEndOfOneDelayNeitherDropsNorHastensWhatTheOtherHolds) {
  auto held = delay(kPort, options(500ms));
  auto ended = delay(kOtherPort, options(500ms, GetParam()));
  auto trips = send_while([&] { EXPECT_TRUE(ended->stop()); });
  ASSERT_EQ(trips.size(), kCount);
  EXPECT_GE(range(trips).first, 500ms - 1ms);
  EXPECT_LT(range(trips).second, 600ms);
  EXPECT_EQ(tables(), 2u) << "the ended one's waits, without effect";
  EXPECT_TRUE(held->stop());
  EXPECT_EQ(tables(), 0u);
  EXPECT_EQ(held->delay().stats().dropped_on_error, 0u);
}

TEST_P(SharedBy, TheStartOfAnotherDelayNeitherDropsNorDelaysTwice) {
  auto held = delay(kPort, options(500ms));
  std::unique_ptr<DelayHost> started;
  auto trips = send_while([&] { started = delay(kOtherPort, options(500ms, GetParam())); });
  ASSERT_EQ(trips.size(), kCount);
  EXPECT_GE(range(trips).first, 500ms - 1ms);
  EXPECT_LT(range(trips).second, 600ms);
}

INSTANTIATE_TEST_SUITE_P(Ways, SharedBy, ::testing::Values(Direction::kArrival, Direction::kDeparture),
                         [](const auto& tested) {
                           return tested.param == Direction::kArrival ? "Arrival" : "Departure";
                         });

TEST_F(SharedNamespace, ManyDelaysThatEndUnderLoadLoseNothing) {
  auto held = delay(kPort, options(200ms));
  std::vector<Trip> trips;
  std::thread sender([&] { trips = send_one_way(from_.get(), to_.get(), target_, 8000, 100us, 1s); });
  for (uint16_t round = 1; round <= 10; ++round) {
    auto other = delay(static_cast<uint16_t>(kOtherPort + round), options(200ms));
    std::this_thread::sleep_for(20ms);
    EXPECT_TRUE(other->stop());
  }
  sender.join();
  EXPECT_EQ(trips.size(), 8000u);
  EXPECT_GE(range(trips).first, 200ms - 1ms);
  EXPECT_LT(median(trips), 205ms);
  EXPECT_EQ(tables(), 11u);
  EXPECT_TRUE(held->stop());
  EXPECT_EQ(tables(), 0u);
}

TEST_F(SharedNamespace, ADelayThatIsDroppedWithoutAStopTakesNothingFromTheOther) {
  auto held = delay(kPort, options(300ms));
  auto dropped = delay(kOtherPort, options(300ms));
  EXPECT_EQ(send_while([&] { dropped.reset(); }).size(), kCount);
  held.reset();
  EXPECT_EQ(tables(), 0u);
}

// The kernel's own rule, which nobody can lift: so it is counted.
TEST_F(SharedNamespace, ASomebodyElsesRemovalOfAChainLosesWhatIsHeldThenAndIsCounted) {
  ASSERT_EQ(
      run_in(*where_, {"nft", "add table ip foreign; add chain ip foreign c { type filter hook input priority 0; }"}),
      0);
  auto held = delay(kPort, options(500ms));
  auto trips = send_while([&] { EXPECT_EQ(run_in(*where_, {"nft", "delete", "table", "ip", "foreign"}), 0); });
  EXPECT_EQ(trips.size(), 0u);
  auto later = send_one_way(from_.get(), to_.get(), target_, 20, 1ms, 1s);
  EXPECT_EQ(later.size(), 20u);
  EXPECT_GE(median(later), 500ms);
  EXPECT_TRUE(held->stop());
  EXPECT_EQ(held->delay().stats().dropped_on_error, kCount);
}

TEST_F(SharedNamespace, OnDepartureNothingIsHeldInTheKernelAndNothingIsLost) {
  ASSERT_EQ(
      run_in(*where_, {"nft", "add table ip foreign; add chain ip foreign c { type filter hook input priority 0; }"}),
      0);
  auto held = delay(kPort, options(500ms, Direction::kDeparture));
  auto trips = send_while([&] { EXPECT_EQ(run_in(*where_, {"nft", "delete", "table", "ip", "foreign"}), 0); });
  EXPECT_EQ(trips.size(), kCount);
  EXPECT_TRUE(held->stop());
  EXPECT_EQ(held->delay().stats().dropped_on_error, 0u);
}

// Why the registry lets one run at a time delay packets in a namespace.
TEST_F(SharedNamespace, TheCleanEndOfAnotherProcessLosesWhatIsHeldHere) {
  auto held = delay(kPort, options(500ms));
  NetDelayOwner other(*where_, Direction::kArrival, kOtherPort, "500ms");
  ASSERT_TRUE(other.ready());
  EXPECT_EQ(send_while([&] { other.stop(); }).size(), 0u);
  EXPECT_TRUE(held->stop());
  EXPECT_EQ(held->delay().stats().dropped_on_error, kCount);
}

TEST_F(SharedNamespace, AfterTheDeathOfTheOwnerOfSeveralAllTrafficIsUntouched) {
  Endpoint other_target{"127.0.0.1", kOtherPort};
  UniqueFd other_to = *udp_socket(*where_, other_target);
  {
    NetDelayOwner owner(*where_, Direction::kArrival, kPort, "500ms");
    NetDelayOwner other(*where_, Direction::kArrival, kOtherPort, "500ms");
    ASSERT_TRUE(owner.ready() && other.ready());
    EXPECT_LE(send_while([&] { owner.kill(), other.kill(); }, 300ms).size(), kCount);
  }
  for (auto [to, target] : {std::pair{to_.get(), target_}, {other_to.get(), other_target}}) {
    auto trips = send_one_way(from_.get(), to, target, 20, 1ms, 500ms);
    EXPECT_EQ(trips.size(), 20u);
    EXPECT_LT(median(trips), 10ms);
  }
  EXPECT_EQ(tables(), 0u);
}

TEST_F(SharedNamespace, ASuddenDeathBesideALivingDelayLeavesTheLivingOneInForce) {
  auto held = delay(kPort, options(200ms));
  NetDelayOwner other(*where_, Direction::kArrival, kOtherPort, "200ms");
  ASSERT_TRUE(other.ready());
  other.kill();
  std::this_thread::sleep_for(100ms);
  auto trips = send_one_way(from_.get(), to_.get(), target_, 50, 1ms, 1s);
  EXPECT_EQ(trips.size(), 50u);
  EXPECT_GE(range(trips).first, 200ms - 1ms);
  EXPECT_LT(median(trips), 205ms);
}

}  // namespace
}  // namespace ordeal::testing
