// What a latency attack says of itself is what became of the packets that were meant: those that passed beside it, were
// lost, or were dropped by somebody's rule count against it.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/attacks/network/latency_proof.h"
#include "fault/attacks/network/packet_impact.h"
#include "net_fixture.h"
#include "platform/sys/process/process.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::Traffic;

constexpr uint32_t kMark = 0x400000;

class NetProof : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    here_ = *udp_socket(*pair_.here, kHere);
    there_ = *udp_socket(*pair_.there, kThere);
    arguments_.verdict = {packets::Hold{{.delay = 50ms}}};
    arguments_.directions = {Direction::kArrival};
    arguments_.mark = kMark;
    arguments_.min_events = 10;
    arguments_.traffic.ports = {{Traffic::Ports::Side::kEither, kPort, kPort, false}};
  }

  void start() {
    auto impact = std::make_unique<fault::PacketImpact>(victim_, arguments_, prove_);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    uint32_t link = 0;
    if (!arguments_.traffic.device.empty()) link = *sys::Links::open(*pair_.here)->index_of(arguments_.traffic.device);
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), std::nullopt, link}, context);
    ASSERT_TRUE(started) << started.error().message();
    host_ = std::make_unique<ImpactHost>(std::move(impact));
  }
  std::vector<Trip> arrive(uint32_t count, Nanos gap = 2ms, Nanos patience = 300ms) {
    return send_one_way(there_.get(), here_.get(), kHere, count, gap, patience);
  }
  std::vector<Trip> depart(uint32_t count, Nanos gap = 2ms, Nanos patience = 300ms) {
    return send_one_way(here_.get(), there_.get(), kThere, count, gap, patience);
  }
  void nft_here(const std::string& text) { ASSERT_EQ(run_in(*pair_.here, {"nft", text}), 0); }
  static bool says(const Proof& proof, const char* text) { return proof.reason.find(text) != std::string::npos; }

  const Endpoint kHere{"10.9.0.1", kPort}, kThere{"10.9.0.2", kPort};
  VethPair pair_;
  Victim victim_;  // a host: the whole namespace
  Random random_{1};
  UniqueFd here_, there_;
  fault::PacketAttack arguments_;
  fault::ProvePackets prove_ = fault::prove_latency;
  std::unique_ptr<ImpactHost> host_;
};

TEST_F(NetProof, AllThatWasMeantWasHitBothWays) {
  arguments_.directions = {Direction::kArrival, Direction::kDeparture};
  start();
  EXPECT_EQ(arrive(100).size(), 100u);
  EXPECT_EQ(depart(60).size(), 60u);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  ASSERT_EQ(proof.coverage.size(), 2u);
  EXPECT_EQ(proof.coverage[0].affected, 100);
  EXPECT_EQ(proof.coverage[1].affected, 60);
  EXPECT_EQ(proof.coverage[0].missed + proof.coverage[1].missed, 0) << proof.measured;
}

TEST_F(NetProof, TwoPacketsProveNothing) {
  start();
  EXPECT_EQ(arrive(2, 100ms).size(), 2u);
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_TRUE(says(proof, "only 2 packets were delayed on arrival, 10 are required (min_events)")) << proof.reason;
}

TEST_F(NetProof, ADirectionWithoutTrafficIsNotHiddenByTheOther) {
  arguments_.directions = {Direction::kArrival, Direction::kDeparture};
  start();
  EXPECT_EQ(arrive(100).size(), 100u);
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_TRUE(says(proof, "no packet matched on departure")) << proof.reason;
  EXPECT_FALSE(says(proof, "arrival")) << proof.reason;
}

TEST_F(NetProof, ADeviceThatIsRenamedIsHitAllTheSame) {
  arguments_.traffic.device = "v0";
  start();
  EXPECT_EQ(arrive(50).size(), 50u);
  std::string said;
  if (run_in(*pair_.here, {"ip", "link", "set", "v0", "name", "v9"}, &said) != 0)
    GTEST_SKIP() << "this kernel renames no device that is up: " << said;
  auto trips = arrive(200);
  EXPECT_EQ(trips.size(), 200u);
  EXPECT_GE(median(trips), 50ms);
  EXPECT_EQ(host_->broken(), "");
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.coverage.at(0).affected, 250) << proof.measured;
}

TEST_F(NetProof, ADeviceThatIsRemovedEndsTheAttack) {
  arguments_.traffic.device = "v0";
  start();
  EXPECT_EQ(arrive(50).size(), 50u);
  ASSERT_EQ(run_in(*pair_.here, {"ip", "link", "del", "v0"}), 0);
  std::this_thread::sleep_for(400ms);
  EXPECT_NE(host_->broken().find("the network device v0 was removed"), std::string::npos) << host_->broken();
}

TEST_F(NetProof, WhatIsHeldWhenTheInterfaceGoesIsLostAndCounts) {
  arguments_.verdict = {packets::Hold{{.delay = 400ms}}};
  start();
  std::thread sender([&] { arrive(300, 2ms, 100ms); });
  std::this_thread::sleep_for(550ms);
  ASSERT_EQ(run_in(*pair_.here, {"ip", "link", "del", "v0"}), 0);
  sender.join();
  std::this_thread::sleep_for(400ms);
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_TRUE(says(proof, "were held and lost")) << proof.reason;
  EXPECT_GT(proof.coverage.at(0).missed, 100);
}

TEST_F(NetProof, PacketsThatCarryOurMarkAlreadyAreHitToo) {
  int mark = kMark;
  ASSERT_EQ(::setsockopt(here_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
  arguments_.directions = {Direction::kDeparture};
  start();
  auto trips = depart(100);
  EXPECT_EQ(trips.size(), 100u);
  EXPECT_GE(median(trips), 50ms);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.coverage.at(0).affected, 100) << proof.measured;
}

TEST_F(NetProof, WhatIsSentAgainByIpv6IsToldByItsSocketToo) {
  Endpoint to{"fd09::2", kPort};
  UniqueFd from = *udp_socket(*pair_.here, {"fd09::1", kPort}), receiver = *udp_socket(*pair_.there, to);
  ASSERT_EQ(send_one_way(from.get(), receiver.get(), to, 1, 1ms, 3s).size(), 1u);
  arguments_.directions = {Direction::kDeparture};
  start();
  auto trips = send_one_way(from.get(), receiver.get(), to, 100, 2ms, 300ms);
  EXPECT_EQ(trips.size(), 100u);
  EXPECT_GE(median(trips), 50ms);
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.coverage.at(0).affected, 100) << proof.measured;
  EXPECT_EQ(proof.coverage.at(0).missed, 0) << proof.measured;
}

// Where nothing but the mark tells our packets (the namespace of other users), those that carry it are counted.
TEST_F(NetProof, WithoutAGroupPacketsWithOurMarkPassAndAreCounted) {
  int mark = kMark;
  ASSERT_EQ(::setsockopt(here_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
  packets::PacketOptions options{.direction = packets::Direction::kDeparture,
                                 .verdict = {packets::Hold{{.delay = 50ms}}}};
  auto chains = [&](std::optional<uint16_t> queue) {
    sys::Chain chain = delay_chain(options, kPort, queue.value());
    chain.witness = {packets::resent_rule(options, true)};
    for (sys::Rule& rule : packets::witness_rules(arguments_.traffic, Direction::kDeparture, {}))
      chain.witness.push_back(rule);
    return std::vector{chain};
  };
  auto delay = packets::PacketRules::start(*pair_.here, "ordeal_marked", options, chains, random_);
  ASSERT_TRUE(delay) << delay.error().message();
  DelayHost host(std::move(*delay));
  EXPECT_LT(median(depart(50)), 20ms);
  int none = 0;
  ASSERT_EQ(::setsockopt(here_.get(), SOL_SOCKET, SO_MARK, &none, sizeof none), 0);
  EXPECT_GE(median(depart(30)), 50ms);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().tally().foreign, 50u);
  EXPECT_EQ(host.delay().tally().meant, 30u);
}

// A process of `here` that goes to a namespace of its own when its input ends.
class Leaver {
 public:
  explicit Leaver(const sys::NetNs& here) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    input_.reset(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[1]);
      char byte = 0;
      if (::setns(here.fd(), CLONE_NEWNET) != 0 || ::read(ends[0], &byte, 1) != 0 || ::unshare(CLONE_NEWNET) != 0)
        ::_exit(1);
      ::pause();
    }
    ::close(ends[0]);
    while (sys::netns_mark(pid_) == sys::netns_mark(::getpid())) std::this_thread::sleep_for(1ms);
  }
  ~Leaver() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void leave() { input_.reset(); }
  Victim victim() const {
    Victim victim;
    victim.kind = VictimKind::kProcess;
    victim.name = "leaver";
    victim.processes = {{pid_, sys::read_stat(pid_)->start_ticks}};
    return victim;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd input_;
};

TEST_F(NetProof, AVictimThatLeavesTheNamespaceEndsTheAttack) {
  Leaver leaver(*pair_.here);
  victim_ = leaver.victim();
  start();
  EXPECT_EQ(arrive(50).size(), 50u);
  EXPECT_EQ(host_->broken(), "");
  leaver.leave();
  std::this_thread::sleep_for(500ms);
  EXPECT_NE(host_->broken().find("leaver has left the network namespace"), std::string::npos) << host_->broken();
}

class DroppedResends : public NetProof, public ::testing::WithParamInterface<const char*> {};

TEST_P(DroppedResends, CountAsMissed) {
  std::string hook = GetParam();
  nft_here("add table inet foreign; add chain inet foreign c { type filter hook " + hook +
           " priority 50; }; add rule inet foreign c meta mark & 0x400000 != 0 drop");
  arguments_.directions = {Direction::kDeparture};
  start();
  EXPECT_EQ(depart(100).size(), 0u);
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_EQ(proof.coverage.at(0).affected, 0) << proof.measured;
  EXPECT_EQ(proof.coverage.at(0).missed, 100) << proof.measured;
  EXPECT_TRUE(says(proof, "rule")) << proof.reason;
}

INSTANTIATE_TEST_SUITE_P(Hooks, DroppedResends, ::testing::Values("output", "postrouting"),
                         [](const auto& tested) { return std::string(tested.param); });

// A machine that was busy for longer than the kernel's lease.
TEST_F(NetProof, WhatPassedWhileTheLeaseHadRunOutIsCounted) {
  start();
  std::thread sender([&] { arrive(1000, 2ms, 300ms); });
  std::this_thread::sleep_for(200ms);
  host_->stand_still(1300ms);
  sender.join();
  EXPECT_EQ(host_->broken(), "");
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven) << proof.measured;
  EXPECT_TRUE(says(proof, "not in force")) << proof.reason;
  EXPECT_GT(proof.coverage.at(0).missed, 50) << proof.measured;
}

}  // namespace
}  // namespace ordeal::testing
