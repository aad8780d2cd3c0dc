// Attacks on a share of the packets, on this kernel, both ways and both families: what their proof says is exactly what
// the other end sees, and that is what was asked, as far as chance goes. 20 000 packets each.
#include <net/if.h>
#include <sys/socket.h>

#include <cmath>

#include "fault/attacks/network/bandwidth_proof.h"
#include "fault/attacks/network/packet_impact.h"
#include "fault/attacks/shares/share_proof.h"
#include "net_fixture.h"
#include "packet_stream.h"

namespace ordeal::testing {
namespace {

using packets::Bursts;
using packets::Direction;
using packets::PacketVerdict;
using packets::Traffic;

constexpr uint32_t kCopyMark = 0x400000;
constexpr uint32_t kStream = 20'000;

struct ShareWay {
  Direction direction;
  bool v4;
};

// The victim lives `here`; the other end is over a veth pair.
class Shares : public ::testing::TestWithParam<ShareWay> {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    bool arrival = GetParam().direction == Direction::kArrival;
    here_ = {GetParam().v4 ? "10.9.0.1" : "fd09::1", kPort};
    there_ = {GetParam().v4 ? "10.9.0.2" : "fd09::2", kPort};
    UniqueFd here = *udp_socket(*pair_.here, here_), there = *udp_socket(*pair_.there, there_);
    from_ = std::move(arrival ? there : here);
    to_ = std::move(arrival ? here : there);
    auto target = (arrival ? here_ : there_).storage();
    ASSERT_EQ(::connect(from_.get(), reinterpret_cast<sockaddr*>(&target), here_.size()), 0);
    bool heard = false;  // the neighbours must know each other first
    for (int i = 0; i < 30 && !heard; ++i) heard = stream(1, 100ms).distinct == 1;
    ASSERT_TRUE(heard);
  }

  void start(PacketVerdict verdict, std::vector<Direction> directions = {GetParam().direction},
             const std::string& device = "", std::optional<packets::SocketScope> scope = std::nullopt) {
    fault::PacketAttack attack;
    attack.verdict = std::move(verdict);
    attack.directions = std::move(directions);
    attack.mark = kCopyMark;
    attack.min_events = 10;
    attack.traffic.ports = {{Traffic::Ports::Side::kEither, kPort, kPort + 1, false}};
    attack.traffic.device = device;
    auto prove = attack.verdict.shaped() ? fault::prove_bandwidth : fault::prove_share;
    auto impact = std::make_unique<fault::PacketImpact>(Victim{}, attack, prove);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    uint32_t link = 0;
    if (!device.empty()) link = *sys::Links::open(*pair_.here)->index_of(device);
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), scope, link}, context);
    ASSERT_TRUE(started) << started.error().message();
    host_ = std::make_unique<ImpactHost>(std::move(impact));
  }
  StreamSeen stream(uint32_t count = kStream, Nanos patience = 300ms) {
    return run_stream(from_.get(), to_.get(), {.count = count, .gap = 50us, .patience = patience});
  }
  // That the proof holds, and its count; within five standard deviations of what was asked.
  uint64_t proven(const PacketVerdict& verdict) {
    Proof proof = host_->revert();
    EXPECT_TRUE(proof.proven) << proof.reason;
    EXPECT_EQ(proof.coverage.at(0).missed, 0) << proof.measured;
    double deviation = std::sqrt(verdict.variance(kStream));
    EXPECT_NEAR(proof.coverage.at(0).affected / kStream, verdict.share, 5 * deviation) << proof.measured;
    return static_cast<uint64_t>(proof.coverage.at(0).affected);
  }

  Endpoint here_, there_;
  VethPair pair_;
  Random random_{1};
  UniqueFd from_, to_;
  std::unique_ptr<ImpactHost> host_;
};

TEST_P(Shares, LossByTheKernelsDraw) {
  PacketVerdict verdict{packets::Drop{}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.lost(), proven(verdict));
  EXPECT_EQ(seen.received, seen.distinct);
}

TEST_P(Shares, LossInBursts) {
  Bursts bursts{.to_bad = 0.01, .to_good = 0.25};
  PacketVerdict verdict{packets::Drop{}, bursts.share(), bursts};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.lost(), proven(verdict));
  EXPECT_NEAR(static_cast<double>(seen.lost()) / static_cast<double>(seen.runs), 4, 1.5);
  EXPECT_EQ(seen.received, seen.distinct);
}

// What the victim sends.
class Copies : public Shares {};

TEST_P(Copies, ComeOfTheShare) {
  PacketVerdict verdict{packets::Duplicate{}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.received - seen.sent, proven(verdict));
  EXPECT_EQ(seen.lost() + seen.wrong, 0u);
}

TEST_P(Copies, AreNotDuplicatedAgainOnLoEither) {
  bool v4 = GetParam().v4;
  Endpoint own{v4 ? "127.0.0.1" : "::1", kPort};
  UniqueFd from = *udp_socket(*pair_.here, {own.address, 0}), to = *udp_socket(*pair_.here, own);
  auto target = own.storage();
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), own.size()), 0);
  start({packets::Duplicate{}, 1}, {Direction::kDeparture}, "lo");
  StreamSeen seen = run_stream(from.get(), to.get(), {.count = 500, .gap = 100us});
  EXPECT_EQ(seen.received, 1'000u);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
}

TEST_P(Shares, CorruptionThatTheChecksumTells) {
  PacketVerdict verdict{packets::Corrupt{packets::CorruptionKind::kDetected}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.lost(), proven(verdict));
  EXPECT_EQ(seen.wrong, 0u);
}

TEST_P(Shares, CorruptionThatReachesTheApplication) {
  PacketVerdict verdict{packets::Corrupt{packets::CorruptionKind::kUndetected}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.wrong, proven(verdict));
  EXPECT_EQ(seen.lost(), 0u);
}

// Each goes through the reader, and none overtakes another.
TEST_P(Shares, CorruptionInBurstsKeepsTheOrder) {
  PacketVerdict verdict{packets::Corrupt{packets::CorruptionKind::kUndetected}, 0.1, Bursts::correlated(0.1, 0.3)};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.wrong, proven(verdict));
  EXPECT_EQ(seen.late + seen.lost(), 0u);
}

TEST_P(Shares, BothWaysAreProvenEachByItself) {
  bool arrival = GetParam().direction == Direction::kArrival;
  auto back = (arrival ? there_ : here_).storage();
  ASSERT_EQ(::connect(to_.get(), reinterpret_cast<sockaddr*>(&back), here_.size()), 0);
  start({packets::Corrupt{packets::CorruptionKind::kUndetected}, 0.1}, {Direction::kArrival, Direction::kDeparture});
  uint64_t wrong = stream(5'000).wrong;
  uint64_t wrong_back = run_stream(to_.get(), from_.get(), {.count = 5'000, .gap = 50us}).wrong;
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  ASSERT_EQ(proof.coverage.size(), 2u);
  EXPECT_EQ(proof.coverage[0].affected, arrival ? wrong : wrong_back);
  EXPECT_EQ(proof.coverage[1].affected, arrival ? wrong_back : wrong);
}

// Late is what was overtaken: not what nothing was sent after in time, nor what is held last.
TEST_P(Shares, Reordering) {
  PacketVerdict verdict{packets::Hold{{.delay = 20ms}}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  stream(0, 100ms);
  uint64_t held = proven(verdict);
  EXPECT_LE(seen.late, held);
  EXPECT_GE(seen.late + 2 * seen.alone(20ms) + 10, held) << seen.alone(20ms) << " alone";
  EXPECT_EQ(seen.lost() + seen.wrong, 0u);
}

TEST_P(Shares, WhatNothingOvertakesIsNotReordered) {
  start({packets::Hold{{.delay = 2ms}}, 0.5});
  run_stream(from_.get(), to_.get(), {.count = 60, .gap = 15ms});
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("so that nothing overtook"), std::string::npos) << proof.reason;
}

// 80 Mbit/s are offered, and 8 get through; the buffer is 200 ms of it, so that a late wake-up costs nothing.
constexpr packets::Shaping kRate{.bits_per_second = 8e6, .burst = 10'000, .limit = 200'000};

TEST_P(Shares, ARateIsKept) {
  start({packets::Shape{kRate}});
  StreamSeen seen = run_stream(from_.get(), to_.get(), {.count = 30'000, .gap = 100us, .bytes = 1000, .patience = 1s});
  uint64_t frame = 1000 + 8 + (GetParam().v4 ? 20 : 40) + packets::kFrameHeader;
  EXPECT_NEAR(8 * static_cast<double>(frame) * seen.rate(), 8e6, 0.04 * 8e6);
  EXPECT_EQ(seen.late + seen.wrong, 0u);
  EXPECT_EQ(seen.received, seen.distinct);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NE(proof.measured.find(std::to_string(seen.lost()) + " dropped, of 30000)"), std::string::npos)
      << proof.measured << "; " << seen.lost() << " lost";
}

// What is let go at the end is none of the rate, and the time before counts.
TEST_P(Shares, ARateIsProvenWhenItEndsUnderLoad) {
  start({packets::Shape{kRate}});
  std::thread sender([&] { run_stream(from_.get(), to_.get(), {.count = 20'000, .gap = 100us, .bytes = 1000}); });
  std::this_thread::sleep_for(1s);
  Proof proof = host_->revert();
  sender.join();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NEAR(proof.got, 8000, 400) << proof.measured;
}

// In a network namespace that others live in too, both with ports that are meant.
TEST_P(Shares, OthersInTheNamespaceAreNotTouched) {
  auto cgroup = TestCgroup::make();
  if (!cgroup) GTEST_SKIP() << "no cgroup of version 2 can be made here";
  bool arrival = GetParam().direction == Direction::kArrival;
  const sys::NetNs &near = arrival ? *pair_.there : *pair_.here, &far = arrival ? *pair_.here : *pair_.there;
  Endpoint other = arrival ? here_ : there_, any{GetParam().v4 ? "0.0.0.0" : "::", 0};
  other.port = kPort + 1;
  auto target = other.storage();
  UniqueFd to = *udp_socket(far, other), from = *udp_socket(near, any);
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), other.size()), 0);
  // The socket of the victim's is the receiving one, or the sending one.
  (arrival ? to : from).reset();
  cgroup->enter();
  auto inside = arrival ? udp_socket(far, other) : udp_socket(near, any);
  cgroup->leave();
  (arrival ? to : from) = std::move(*inside);
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), other.size()), 0);
  packets::SocketScope scope{1, cgroup->id()};
  for (PacketVerdict verdict :
       {PacketVerdict{packets::Corrupt{packets::CorruptionKind::kUndetected}, 1},
        PacketVerdict{packets::Hold{{.delay = 20ms}}, 0.5}, PacketVerdict{packets::Duplicate{}, 1},
        PacketVerdict{packets::Shape{{.bits_per_second = 1e6, .burst = 100, .limit = 100'000}}}}) {
    if (arrival && std::holds_alternative<packets::Duplicate>(verdict.act)) continue;
    start(verdict, {GetParam().direction}, "", scope);
    StreamSeen seen = run_stream(from.get(), to.get(), {.count = 1'000, .gap = 100us});
    StreamSeen others = stream(1'000);
    Proof proof = host_->revert();
    EXPECT_TRUE(proof.proven) << proof.reason;
    EXPECT_EQ(proof.coverage.at(0).missed, 0) << proof.measured;
    bool touched = seen.wrong + seen.late > 0 || seen.received > seen.distinct || verdict.shaped();
    EXPECT_TRUE(touched) << proof.measured;
    EXPECT_EQ(others.received, 1'000u);
    EXPECT_EQ(others.distinct, 1'000u);
    EXPECT_EQ(others.wrong + others.late, 0u);
  }
}

// What is not meant does not come to the queue at all.
TEST_P(Shares, OtherTrafficIsNotTouched) {
  Endpoint other = GetParam().direction == Direction::kArrival ? here_ : there_;
  other.port = kPort + 2;
  UniqueFd to = *udp_socket(GetParam().direction == Direction::kArrival ? *pair_.here : *pair_.there, other);
  UniqueFd from = *udp_socket(GetParam().direction == Direction::kArrival ? *pair_.there : *pair_.here,
                              {GetParam().v4 ? "0.0.0.0" : "::", 0});
  auto target = other.storage();
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), other.size()), 0);
  for (PacketVerdict verdict :
       {PacketVerdict{packets::Corrupt{}, 0.5, Bursts::correlated(0.5, 0.5)},
        PacketVerdict{packets::Hold{{.delay = 20ms}}, 0.5}, PacketVerdict{packets::Shape{{.bits_per_second = 1e4}}}}) {
    start(verdict);
    StreamSeen seen = run_stream(from.get(), to.get(), {.count = 500, .patience = 50ms});
    EXPECT_EQ(seen.received, 500u);
    EXPECT_EQ(seen.distinct, 500u);
    EXPECT_EQ(seen.wrong + seen.late, 0u);
    Proof proof = host_->revert();
    EXPECT_FALSE(proof.proven);
    EXPECT_NE(proof.reason.find("no packet matched"), std::string::npos) << proof.reason;
  }
}

std::string name_of_way(const ::testing::TestParamInfo<ShareWay>& tested) {
  bool arrival = tested.param.direction == Direction::kArrival;
  return std::string(arrival ? "Arrival" : "Departure") + (tested.param.v4 ? "V4" : "V6");
}

INSTANTIATE_TEST_SUITE_P(Ways, Shares,
                         ::testing::Values(ShareWay{Direction::kArrival, true}, ShareWay{Direction::kDeparture, false}),
                         name_of_way);
INSTANTIATE_TEST_SUITE_P(Departure, Copies,
                         ::testing::Values(ShareWay{Direction::kDeparture, true},
                                           ShareWay{Direction::kDeparture, false}),
                         name_of_way);
// Half a minute more: with --gtest_also_run_disabled_tests.
INSTANTIATE_TEST_SUITE_P(DISABLED_OtherWays, Shares,
                         ::testing::Values(ShareWay{Direction::kArrival, false}, ShareWay{Direction::kDeparture, true}),
                         name_of_way);

}  // namespace
}  // namespace ordeal::testing
