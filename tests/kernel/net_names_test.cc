// Hosts by name: addresses that a look-up finds while an attack is in force are hit, or spared, from then on.
#include <sys/stat.h>

#include <fstream>

#include "fault/attacks/connectivity/blackhole_proof.h"
#include "fault/attacks/network/packet_impact.h"
#include "fault/packets/names/name_watch.h"
#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using packets::Direction;

class Names : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    here_ = *udp_socket(*pair_.here, kHere);
    there_ = *udp_socket(*pair_.there, {"10.9.0.2", kPort});
    arguments_.verdict = {packets::Drop{}};
    arguments_.directions = {Direction::kArrival};
    arguments_.traffic.protocols = {IPPROTO_UDP};  // the kernel's own ICMPv6 comes when it likes
  }
  void TearDown() override {
    host_.reset();
    packets::set_look_up_program("/proc/self/exe");
    ::unlink(program_.c_str());
  }

  // Looks up as `commands` say, in the place of the guard's own child.
  void start(const std::string& commands) {
    std::ofstream(program_) << "#!/bin/sh\n" << commands << "\n";
    ::chmod(program_.c_str(), 0755);
    packets::set_look_up_program(program_);
    auto impact = std::make_unique<fault::PacketImpact>(Victim{}, arguments_, fault::prove_blackhole);
    auto netns = sys::NetNs::open("/proc/self/fd/" + std::to_string(pair_.here->fd()));
    fault::Context context{boot_now(), 60s, &random_, nullptr, {}};
    auto started = impact->start({std::move(*netns), std::nullopt, 0}, context);
    ASSERT_TRUE(started) << started.error().message();
    in_force_at_once_ = impact->in_force();
    host_ = std::make_unique<ImpactHost>(std::move(impact));
  }
  size_t arrived() { return send_one_way(there_.get(), here_.get(), kHere, 50, 1ms, 100ms).size(); }

  const Endpoint kHere{"10.9.0.1", kPort};
  std::string program_ = "/tmp/ordeal_names_" + std::to_string(::getpid());
  VethPair pair_;
  Random random_{1};
  UniqueFd here_, there_;
  fault::PacketAttack arguments_;
  std::unique_ptr<ImpactHost> host_;
  bool in_force_at_once_ = false;
};

TEST_F(Names, AnAddressThatComesLaterIsHitFromThenOn) {
  arguments_.traffic.names = {"db"};
  start("echo 'db 10.9.0.9'; echo 'db fd09::9'; sleep 1; echo 'db 10.9.0.2'; echo 'db 10.9.0.9'; exec sleep 60");
  EXPECT_TRUE(in_force_at_once_);
  EXPECT_EQ(arrived(), 50u);
  std::this_thread::sleep_for(1200ms);
  EXPECT_EQ(arrived(), 0u);
  EXPECT_EQ(host_->broken(), "");
  Proof proof = host_->revert();
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.coverage.at(0).affected, 50);
  EXPECT_EQ(arrived(), 50u);
}

TEST_F(Names, NothingIsHitUntilAllOfAnExcludedNameIsKnown) {
  arguments_.traffic.excluded_names = {"db"};
  start("echo 'db 10.9.0.9'; sleep 0.5; echo 'db 10.9.0.2'; echo 'db .'; exec sleep 60");
  EXPECT_EQ(arrived(), 50u);
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(arrived(), 50u);
  EXPECT_EQ(host_->broken(), "");
  EXPECT_FALSE(host_->revert().proven);
}

TEST_F(Names, WhatIsNotExcludedIsHitOnceTheExcludedIsKnown) {
  arguments_.traffic.excluded_names = {"db"};
  start("sleep 0.3; echo 'db 10.9.0.9'; echo 'db .'; exec sleep 60");
  EXPECT_FALSE(in_force_at_once_ || host_->in_force());
  EXPECT_EQ(arrived(), 50u);
  std::this_thread::sleep_for(500ms);
  EXPECT_TRUE(host_->in_force());
  EXPECT_EQ(arrived(), 0u);
  EXPECT_TRUE(host_->revert().proven);
}

TEST_F(Names, AnExcludedNameThatNeverIsKnownIsNotInjected) {
  arguments_.traffic.excluded_names = {"db"};
  start("echo 'db 10.9.0.2'; echo 'db ? no such host'; exec sleep 60");
  EXPECT_EQ(arrived(), 50u);
  std::this_thread::sleep_for(3100ms);
  EXPECT_EQ(host_->broken(), "it is not known what to spare; db: no such host");
  EXPECT_FALSE(host_->in_force());
  EXPECT_EQ(arrived(), 50u);
  EXPECT_EQ(host_->revert().reason, "no rule was in force: it is not known what to spare; db: no such host");
}

TEST_F(Names, ANameWithoutAnAddressIsSaid) {
  arguments_.traffic.names = {"db"};
  start("echo 'db ? no such host'; exec sleep 60");
  EXPECT_EQ(arrived(), 50u);
  Proof proof = host_->revert();
  EXPECT_FALSE(proof.proven);
  EXPECT_NE(proof.reason.find("; db: no such host"), std::string::npos) << proof.reason;
}

TEST_F(Names, WithoutItsLookUpTheAttackEnds) {
  arguments_.traffic.names = {"db"};
  start("exit 0");
  std::this_thread::sleep_for(300ms);
  EXPECT_NE(host_->broken().find("looks up the hosts' names is gone"), std::string::npos) << host_->broken();
}

}  // namespace
}  // namespace ordeal::testing
