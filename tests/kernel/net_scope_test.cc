// Which packets a rule means: by the socket's cgroup, by exempt connections, by kind of control message.
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::PacketOptions;

class Scope : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto made = make_namespace();
    if (!made) GTEST_SKIP() << made.error().message();
    where_ = std::make_unique<sys::NetNs>(std::move(*made));
  }

  Result<sys::NftTable> table(sys::Hook hook, std::vector<sys::Rule> rules) {
    return where_->run([&]() -> Result<sys::NftTable> {
      sys::TableSpec spec{.name = "ordeal_scope", .chains = {{"scope", hook, -300, std::move(rules)}}};
      return sys::NftTable::create(TRY(sys::NetlinkSocket::open(NETLINK_NETFILTER)), spec);
    });
  }
  static sys::Rule counted(const char* comment, uint64_t cgroup, uint8_t protocol) {
    sys::Rule rule(comment);
    return rule.protocol(protocol).cgroup(1, cgroup).counter();
  }
  UniqueFd tcp_listener(const Endpoint& at) {
    return *where_->run([&]() -> Result<UniqueFd> {
      auto storage = at.storage();
      UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), at.size()) != 0 || ::listen(fd.get(), 8) != 0)
        return fail_errno("cannot listen");
      return fd;
    });
  }
  UniqueFd tcp_client(const Endpoint& to) {
    return *where_->run([&]() -> Result<UniqueFd> {
      auto storage = to.storage();
      UniqueFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), to.size()) != 0)
        return fail_errno("cannot connect");
      return fd;
    });
  }

  std::unique_ptr<sys::NetNs> where_;
};

// The receiver's socket is found already before routing: by address and port for UDP, by connection for TCP.
TEST_P(Scope, OnArrivalTheReceiversCgroupMatches) {
  auto cgroup = TestCgroup::make();
  if (!cgroup) GTEST_SKIP() << "no cgroup of version 2 can be made here";
  Endpoint inside{GetParam(), kPort}, outside{GetParam(), kPort + 1};
  cgroup->enter();
  UniqueFd receiver = *udp_socket(*where_, inside);
  UniqueFd listener = tcp_listener({GetParam(), kPort + 2});
  cgroup->leave();
  UniqueFd other = *udp_socket(*where_, outside);
  UniqueFd sender = *udp_socket(*where_, {GetParam(), 0});
  auto made = table(sys::Hook::kPrerouting,
                    {counted("udp", cgroup->id(), IPPROTO_UDP), counted("tcp", cgroup->id(), IPPROTO_TCP)});
  ASSERT_TRUE(made) << made.error().message();

  EXPECT_EQ(send_one_way(sender.get(), other.get(), outside, 5, 1ms, 1s).size(), 5u);
  EXPECT_EQ(made->counters()->at(0).packets, 0u);
  EXPECT_EQ(send_one_way(sender.get(), receiver.get(), inside, 5, 1ms, 1s).size(), 5u);
  EXPECT_EQ(made->counters()->at(0).packets, 5u);

  UniqueFd client = tcp_client({GetParam(), kPort + 2});
  UniqueFd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  uint64_t opening = made->counters()->at(1).packets;
  EXPECT_GE(opening, 1u);
  EXPECT_EQ(::send(client.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(server.get(), &byte, 1, 0), 1);
  EXPECT_EQ(made->counters()->at(1).packets, opening + 1);
}

TEST_P(Scope, OnDepartureTheSendersCgroupMatches) {
  auto cgroup = TestCgroup::make();
  if (!cgroup) GTEST_SKIP() << "no cgroup of version 2 can be made here";
  Endpoint target{GetParam(), kPort};
  UniqueFd receiver = *udp_socket(*where_, target);
  UniqueFd outside = *udp_socket(*where_, {GetParam(), 0});
  cgroup->enter();
  UniqueFd inside = *udp_socket(*where_, {GetParam(), 0});
  cgroup->leave();
  auto made = table(sys::Hook::kOutput, {counted("udp", cgroup->id(), IPPROTO_UDP)});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(send_one_way(outside.get(), receiver.get(), target, 5, 1ms, 1s).size(), 5u);
  EXPECT_EQ(made->counters()->at(0).packets, 0u);
  EXPECT_EQ(send_one_way(inside.get(), receiver.get(), target, 5, 1ms, 1s).size(), 5u);
  EXPECT_EQ(made->counters()->at(0).packets, 5u);
}

TEST_P(Scope, AnExemptPortRangePassesUndelayed) {
  Endpoint target{GetParam(), kPort};
  UniqueFd receiver = *udp_socket(*where_, target);
  UniqueFd exempt = *udp_socket(*where_, {GetParam(), 40005});
  UniqueFd ordinary = *udp_socket(*where_, {GetParam(), 39999});
  for (Direction direction : {Direction::kArrival, Direction::kDeparture}) {
    PacketOptions options{.direction = direction, .verdict = {packets::Hold{{.delay = 50ms}}}};
    auto chains = [&](std::optional<uint16_t> queue) {
      sys::Chain chain = delay_chain(options, kPort, queue.value());
      sys::Rule watcher("the watcher");
      watcher.source(*sys::Prefix::parse(GetParam())).protocol(IPPROTO_UDP).source_port(40000, 40010).leave();
      chain.rules.insert(chain.rules.begin(), watcher);
      return std::vector{chain};
    };
    Random random(1);
    auto delay = packets::PacketRules::start(*where_, "ordeal_exempt", options, chains, random);
    ASSERT_TRUE(delay) << delay.error().message();
    DelayHost host(std::move(*delay));
    EXPECT_LT(median(send_one_way(exempt.get(), receiver.get(), target, 10, 1ms, 1s)), 10ms);
    EXPECT_GE(median(send_one_way(ordinary.get(), receiver.get(), target, 10, 1ms, 1s)), 50ms);
    EXPECT_TRUE(host.stop());
  }
}

TEST_P(Scope, APrefixMeansItsAddressesOnly) {
  bool v4 = std::string(GetParam()) == "127.0.0.1";
  Endpoint target{GetParam(), kPort};
  UniqueFd receiver = *udp_socket(*where_, target);
  UniqueFd sender = *udp_socket(*where_, {GetParam(), 0});
  auto counted_source = [](const char* prefix) {
    sys::Rule rule(prefix);
    return rule.source(*sys::Prefix::parse(prefix)).counter();
  };
  auto made =
      table(sys::Hook::kPrerouting, v4 ? std::vector{counted_source("127.0.0.0/9"), counted_source("127.128.0.0/9"),
                                                     counted_source("0.0.0.0/0"), counted_source("::/0")}
                                       : std::vector{counted_source("::/127"), counted_source("::2/127"),
                                                     counted_source("::/0"), counted_source("0.0.0.0/0")});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(send_one_way(sender.get(), receiver.get(), target, 3, 1ms, 1s).size(), 3u);
  auto counters = made->counters();
  ASSERT_EQ(counters->size(), 4u);
  EXPECT_EQ(counters->at(0).packets, 3u);
  EXPECT_EQ(counters->at(1).packets, 0u);
  EXPECT_EQ(counters->at(2).packets, 3u);
  EXPECT_EQ(counters->at(3).packets, 0u);
}

INSTANTIATE_TEST_SUITE_P(Families, Scope, ::testing::Values("127.0.0.1", "::1"),
                         [](const auto& tested) { return std::string(tested.param) == "::1" ? "V6" : "V4"; });

// Two namespaces and a veth pair between them.
class Pair : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    here_ = std::move(made->here);
    there_ = std::move(made->there);
  }

  std::unique_ptr<sys::NetNs> here_, there_;
};

// With a delay that is longer than the patience of neighbour discovery, nothing would ever arrive.
TEST_F(Pair, NeighbourDiscoveryIsNotDelayed) {
  for (Direction direction : {Direction::kArrival, Direction::kDeparture}) {
    PacketOptions options{.direction = direction, .verdict = {packets::Hold{{.delay = 1500ms}}}};
    auto chains = [&](std::optional<uint16_t> queue) {
      bool arrival = direction == Direction::kArrival;
      sys::Chain chain{"all", arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput, -300, {}};
      if (!arrival) chain.rules.push_back(packets::resent_rule(options));
      for (sys::Rule& rule : packets::control_message_rules()) chain.rules.push_back(rule);
      sys::Rule all("all");
      chain.rules.push_back(all.counter().queue(queue.value()));
      return std::vector{chain};
    };
    run_in(*here_, {"ip", "-6", "neigh", "flush", "all"});
    run_in(*there_, {"ip", "-6", "neigh", "flush", "all"});
    Random random(1);
    auto delay = packets::PacketRules::start(*here_, "ordeal_all", options, chains, random);
    ASSERT_TRUE(delay) << delay.error().message();
    DelayHost host(std::move(*delay));
    UniqueFd receiver = *udp_socket(*here_, {"fd09::1", kPort});
    UniqueFd sender = *udp_socket(*there_, {"fd09::2", 0});
    UniqueFd back = *udp_socket(*there_, {"fd09::2", kPort});
    UniqueFd from = *udp_socket(*here_, {"fd09::1", 0});
    std::vector<Trip> trips;
    if (direction == Direction::kArrival)
      trips = send_one_way(sender.get(), receiver.get(), {"fd09::1", kPort}, 1, 1ms, 3s);
    else
      trips = send_one_way(from.get(), back.get(), {"fd09::2", kPort}, 1, 1ms, 3s);
    ASSERT_EQ(trips.size(), 1u);
    EXPECT_GE(trips[0].took, 1500ms);
    EXPECT_LT(trips[0].took, 1600ms);
    EXPECT_TRUE(host.stop());
  }
}

// The same with link-local addresses, where the device is part of the route.
TEST_F(Pair, DepartureKeepsTheDeviceOfLinkLocalPackets) {
  run_in(*here_, {"ip", "addr", "add", "fe80::1/64", "dev", "v0", "nodad"});
  run_in(*there_, {"ip", "addr", "add", "fe80::2/64", "dev", "v1", "nodad"});
  PacketOptions options{.direction = Direction::kDeparture, .verdict = {packets::Hold{{.delay = 50ms}}}};
  auto delay = start_delay(*here_, options, kPort);
  ASSERT_TRUE(delay) << delay.error().message();
  DelayHost host(std::move(*delay));
  UniqueFd receiver = *udp_socket(*there_, {"::", kPort});
  UniqueFd sender = *udp_socket(*here_, {"::", 0});
  sockaddr_storage target = Endpoint{"fe80::2", kPort}.storage();
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&target);
  v6->sin6_scope_id = *here_->run([&]() -> Result<unsigned> { return ::if_nametoindex("v0"); });
  BootTime start = boot_now();
  ASSERT_EQ(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&target), sizeof *v6), 1);
  pollfd polled{receiver.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&polled, 1, 1000), 1);
  EXPECT_GE(boot_now() - start, 50ms);
  EXPECT_TRUE(host.stop());
  EXPECT_EQ(host.delay().stats().delayed, 1u);
}

}  // namespace
}  // namespace ordeal::testing
