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
             const std::string& device = "") {
    fault::PacketAttack attack;
    attack.verdict = std::move(verdict);
    attack.directions = std::move(directions);
    attack.mark = kCopyMark;
    attack.min_events = 10;
    attack.traffic.ports = {{Traffic::Ports::Side::kEither, kPort, kPort, false}};
    attack.traffic.device = device;
    auto prove = attack.verdict.shaped() ? fault::prove_bandwidth : fault::prove_share;
    auto impact = std::make_unique<fault::PacketImpact>(Victim{}, attack, prove);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    uint32_t link = 0;
    if (!device.empty()) link = *sys::Links::open(*pair_.here)->index_of(device);
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), std::nullopt, link}, context);
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

TEST_P(Shares, Duplicates) {
  PacketVerdict verdict{packets::Duplicate{}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  EXPECT_EQ(seen.received - seen.sent, proven(verdict));
  EXPECT_EQ(seen.lost() + seen.wrong, 0u);
}

// A copy is not duplicated again, though each direction duplicates all that it means, on lo as well.
TEST_P(Shares, ACopyIsNotDuplicatedAgain) {
  PacketVerdict verdict{packets::Duplicate{}, 1};
  start(verdict, {Direction::kArrival, Direction::kDeparture});
  StreamSeen seen = stream(1'000);
  EXPECT_EQ(seen.received, 2'000u);
  EXPECT_EQ(seen.lost(), 0u);
}

TEST_P(Shares, OnLoTooEachDirectionDuplicatesOnce) {
  bool v4 = GetParam().v4;
  Endpoint own{v4 ? "127.0.0.1" : "::1", kPort};
  UniqueFd from = *udp_socket(*pair_.here, {own.address, 0}), to = *udp_socket(*pair_.here, own);
  auto target = own.storage();
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), own.size()), 0);
  start({packets::Duplicate{}, 1}, {Direction::kArrival, Direction::kDeparture}, "lo");
  StreamSeen seen = run_stream(from.get(), to.get(), {.count = 500, .gap = 100us});
  EXPECT_EQ(seen.received, 1'500u);
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

// Late is what was overtaken; of the last ones within the delay nothing overtakes.
TEST_P(Shares, Reordering) {
  PacketVerdict verdict{packets::Hold{{.delay = 20ms}}, 0.1};
  start(verdict);
  StreamSeen seen = stream();
  stream(0, 100ms);
  uint64_t held = proven(verdict);
  EXPECT_LE(seen.late, held);
  EXPECT_GE(seen.late + 100, held);  // 20 ms are 400 packets, of which 40 are held
  EXPECT_EQ(seen.lost() + seen.wrong, 0u);
}

// 80 Mbit/s are offered, and 8 get through after the burst.
TEST_P(Shares, ARateIsKept) {
  start({packets::Shape{{.bits_per_second = 8e6, .burst = 10'000, .limit = 20'000}}});
  StreamSeen seen = run_stream(from_.get(), to_.get(), {.count = 10'000, .gap = 100us, .bytes = 1000});
  uint64_t frame = 1000 + 8 + (GetParam().v4 ? 20 : 40) + packets::kFrameHeader;
  double bits = 8 * static_cast<double>(seen.received * frame - 10'000);
  EXPECT_NEAR(bits / to_seconds(seen.receiving), 8e6, 0.03 * 8e6);
  EXPECT_EQ(seen.late + seen.wrong, 0u);
  EXPECT_EQ(seen.received, seen.distinct);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_NE(proof.measured.find(std::to_string(seen.lost()) + " dropped, of 10000)"), std::string::npos)
      << proof.measured << "; " << seen.lost() << " lost";
}

// What is not meant does not come to the queue at all.
TEST_P(Shares, OtherTrafficIsNotTouched) {
  Endpoint other = GetParam().direction == Direction::kArrival ? here_ : there_;
  other.port = kPort + 1;
  UniqueFd to = *udp_socket(GetParam().direction == Direction::kArrival ? *pair_.here : *pair_.there, other);
  UniqueFd from = *udp_socket(GetParam().direction == Direction::kArrival ? *pair_.there : *pair_.here,
                              {GetParam().v4 ? "0.0.0.0" : "::", 0});
  auto target = other.storage();
  ASSERT_EQ(::connect(from.get(), reinterpret_cast<sockaddr*>(&target), other.size()), 0);
  for (PacketVerdict verdict :
       {PacketVerdict{packets::Corrupt{}, 0.5, Bursts::correlated(0.5, 0.5)}, PacketVerdict{packets::Duplicate{}, 1},
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
// Half a minute more: with --gtest_also_run_disabled_tests.
INSTANTIATE_TEST_SUITE_P(DISABLED_OtherWays, Shares,
                         ::testing::Values(ShareWay{Direction::kArrival, false}, ShareWay{Direction::kDeparture, true}),
                         name_of_way);

}  // namespace
}  // namespace ordeal::testing
