// The owned table and its lease, on this kernel.
#include <sys/wait.h>

#include "net_fixture.h"
#include "platform/sys/network/nft.h"

namespace ordeal::testing {
namespace {

using sys::NftTable;

class Nft : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_namespace();
    if (!made) GTEST_SKIP() << made.error().message();
    where_ = std::make_unique<sys::NetNs>(std::move(*made));
    auto table = make_table("ordeal_test");
    if (!table && table.error().sys_errno == EPERM) GTEST_SKIP() << table.error().message();
    ASSERT_TRUE(table) << table.error().message();
    table_ = std::make_unique<NftTable>(std::move(*table));
    from_ = *udp_socket(*where_, {"127.0.0.1", 0});
    to_ = *udp_socket(*where_, kTarget);
  }

  // A table that drops UDP to the port.
  Result<NftTable> make_table(const std::string& name) {
    return where_->run([&]() -> Result<NftTable> {
      sys::Rule rule("drop");
      rule.protocol(IPPROTO_UDP).destination_port(kPort, kPort).counter().drop();
      sys::TableSpec spec{.name = name, .chains = {{"in", sys::Hook::kInput, 0, {rule}}}};
      return NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), spec);
    });
  }

  bool passes() { return send_one_way(from_.get(), to_.get(), kTarget, 1, 0ns, 20ms).size() == 1; }
  bool exists(const std::string& name) {
    std::string text;
    run_in(*where_, {"nft", "list", "tables"}, &text);
    return text.find("table inet " + name + "\n") != std::string::npos;
  }
  static void sleep_for(Nanos length) { std::this_thread::sleep_for(length); }

  const Endpoint kTarget{"127.0.0.1", kPort};
  std::unique_ptr<sys::NetNs> where_;
  std::unique_ptr<NftTable> table_;
  UniqueFd from_, to_;
};

TEST_F(Nft, WithoutRenewalTheRuleEndsWithinASecond) {
  EXPECT_FALSE(passes());
  sleep_for(500ms);
  EXPECT_FALSE(passes());
  sleep_for(500ms);
  EXPECT_TRUE(passes());
  EXPECT_TRUE(exists("ordeal_test"));
}

TEST_F(Nft, RenewalKeepsTheRule) {
  for (int i = 0; i < 8; ++i) {
    sleep_for(250ms);
    ASSERT_TRUE(table_->renew());
    EXPECT_FALSE(passes());
  }
}

TEST_F(Nft, ALeaseThatRanOutIsNotRenewedSilently) {
  sleep_for(1100ms);
  auto renewed = table_->renew();
  ASSERT_FALSE(renewed);
  EXPECT_EQ(renewed.error().code, Errc::kTimeout);
  EXPECT_TRUE(passes());
  ASSERT_TRUE(table_->revive());
  EXPECT_FALSE(passes());
  EXPECT_TRUE(table_->renew());
}

TEST_F(Nft, DisarmedRulesMatchNothingAndKeepTheirCounters) {
  EXPECT_FALSE(passes());
  EXPECT_TRUE(table_->disarm());
  EXPECT_TRUE(table_->disarm());
  EXPECT_TRUE(passes());
  auto counters = table_->counters();
  ASSERT_TRUE(counters);
  ASSERT_EQ(counters->size(), 1u);
  EXPECT_EQ(counters->front().comment, "drop");
  EXPECT_EQ(counters->front().chain, "in");
  EXPECT_EQ(counters->front().packets, 1u);
}

TEST_F(Nft, TheTableGoesWithItsObject) {
  EXPECT_TRUE(exists("ordeal_test"));
  table_.reset();
  EXPECT_FALSE(exists("ordeal_test"));
  EXPECT_TRUE(passes());
}

TEST_F(Nft, ANameThatAnotherOwnerHasIsRefused) {
  auto second = make_table("ordeal_test");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().sys_errno, EPERM);
  EXPECT_TRUE(make_table("ordeal_other"));
}

TEST_F(Nft, OthersCannotFlushOrChangeTheTable) {
  EXPECT_EQ(run_in(*where_, {"nft", "flush", "ruleset"}), 0);
  EXPECT_TRUE(exists("ordeal_test"));
  EXPECT_NE(run_in(*where_, {"nft", "delete", "table", "inet", "ordeal_test"}), 0);
  EXPECT_NE(run_in(*where_, {"nft", "add", "rule", "inet", "ordeal_test", "in", "accept"}), 0);
  EXPECT_FALSE(passes());
}

TEST_F(Nft, AMissingChainIsNamedInTheError) {
  auto made = where_->run([]() -> Result<NftTable> {
    sys::Rule rule("leads nowhere");
    rule.jump("no_such_chain");
    sys::TableSpec spec{.name = "ordeal_bad", .chains = {{"in", sys::Hook::kInput, 0, {rule}}}};
    return NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), spec);
  });
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().sys_errno, ENOENT);
  EXPECT_NE(made.error().message().find("leads nowhere"), std::string::npos) << made.error().message();
  EXPECT_FALSE(exists("ordeal_bad"));
}

// Root in a user namespace of one's own is enough, with its own network namespace.
TEST(NftUnprivileged, AUserNamespaceOfItsOwnIsEnough) {
  pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(3);
    auto where = sys::NetNs::current();
    packets::PacketOptions options{.direction = packets::Direction::kDeparture,
                                   .verdict = {packets::Hold{{.delay = 10ms}}}};
    auto delay = start_delay(*where, options, kPort);
    if (!delay) fprintf(stderr, "%s\n", delay.error().message().c_str());
    ::_exit(delay && delay->stop() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 3) GTEST_SKIP() << "user namespaces are not allowed here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace ordeal::testing
