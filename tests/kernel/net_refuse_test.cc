// The verdict that refuses, both ways and both families, on this kernel: what a TCP client sees of it when it connects
// and on a connection that it has, over a device and over lo, and nothing once the lease has run out.
#include <poll.h>
#include <sys/socket.h>

#include "fault/packets/traffic.h"
#include "net_fixture.h"

namespace ordeal::testing {
namespace {

using packets::Direction;
using packets::PacketOptions;
using packets::PacketRules;
using packets::Refuse;
using packets::Traffic;

constexpr Nanos kAtOnce = 300ms;
constexpr Nanos kFirstRepetition = 1500ms;

struct Way {
  Direction direction;
  bool v4;
  bool loopback;
};

class Refuses : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    const Way& way = GetParam();
    const char* over_veth = way.v4 ? "10.9.0.2" : "fd09::2";
    const char* over_lo = way.v4 ? "127.0.0.1" : "::1";
    server_ = {way.loopback ? over_lo : over_veth, kPort};
    listener_ = listen_in(there());
  }

  // The server's namespace has the rules on arrival, the client's on departure.
  sys::NetNs& there() { return GetParam().loopback ? *pair_.here : *pair_.there; }
  sys::NetNs& ruled() { return GetParam().direction == Direction::kArrival ? there() : *pair_.here; }

  UniqueFd socket_in(const sys::NetNs& where) {
    return *where.run([&]() -> Result<UniqueFd> {
      return UniqueFd(::socket(server_.storage().ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    });
  }
  UniqueFd listen_in(const sys::NetNs& where) {
    UniqueFd fd = socket_in(where);
    auto storage = server_.storage();
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), server_.size()), 0) << errno;
    EXPECT_EQ(::listen(fd.get(), 8), 0);
    return fd;
  }
  static int error_within(int fd, short events, Nanos limit) {
    pollfd polled{fd, events, 0};
    timespec time{limit / 1s, (limit % 1s).count()};
    if (::ppoll(&polled, 1, &time, nullptr) == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }
  // The errno of a connect(), or ETIMEDOUT.
  int connect(Nanos limit, UniqueFd* keep = nullptr) {
    UniqueFd fd = socket_in(*pair_.here);
    auto storage = server_.storage();
    int error = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), server_.size()) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = error_within(fd.get(), POLLOUT, limit);
    if (keep) *keep = std::move(fd);
    return error;
  }

  // Of IPv6 the kernel loses the first answer to what departs, and the first repetition counts.
  static Nanos first_answer() { return GetParam().v4 ? kAtOnce : kFirstRepetition; }

  Result<PacketRules> start(sys::Refusal how) {
    PacketOptions options{.direction = GetParam().direction, .verdict = {Refuse{how}}};
    bool arrival = options.direction == Direction::kArrival;
    Traffic traffic;
    if (GetParam().loopback) traffic.device = "lo";
    traffic.ports = {{Traffic::Ports::Side::kEither, kPort, kPort, false}};
    auto chains = [&](std::optional<uint16_t> queue) {
      sys::Chain chain{.name = "refuse", .hook = arrival ? sys::Hook::kPrerouting : sys::Hook::kOutput};
      for (auto* rules : {&chain.rules, &chain.witness}) *rules = packets::refusal_rules();
      auto add = [](std::vector<sys::Rule>& to, std::vector<sys::Rule> more) {
        to.insert(to.end(), more.begin(), more.end());
      };
      add(chain.rules, packets::traffic_rules(traffic, options.direction, {}, options.verdict, queue));
      add(chain.witness, packets::witness_rules(traffic, options.direction, {}));
      return std::vector{chain};
    };
    return PacketRules::start(ruled(), "ordeal_refuse", options, chains, random_);
  }

  Random random_{1};
  VethPair pair_;
  Endpoint server_;
  UniqueFd listener_;
};

TEST_P(Refuses, AConnectByAReset) {
  auto rules = start(sys::Refusal::kTcpReset);
  ASSERT_TRUE(rules) << rules.error().message();
  DelayHost host(std::move(*rules));
  EXPECT_EQ(connect(first_answer()), ECONNREFUSED);
  ASSERT_TRUE(host.stop());
  auto tally = host.delay().tally();
  EXPECT_GE(tally.stats.dropped, 1u);
  EXPECT_EQ(tally.untaken(), 0u);
  EXPECT_EQ(connect(kAtOnce), 0);
}

TEST_P(Refuses, WhatAConnectionSendsByAReset) {
  UniqueFd connection;
  ASSERT_EQ(connect(kAtOnce, &connection), 0);
  auto rules = start(sys::Refusal::kTcpReset);
  ASSERT_TRUE(rules) << rules.error().message();
  DelayHost host(std::move(*rules));
  ASSERT_EQ(::send(connection.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(error_within(connection.get(), POLLIN, kAtOnce), ECONNRESET);
  ASSERT_TRUE(host.stop());
}

TEST_P(Refuses, AConnectByHostUnreachable) {
  auto rules = start(sys::Refusal::kHostUnreachable);
  ASSERT_TRUE(rules) << rules.error().message();
  DelayHost host(std::move(*rules));
  EXPECT_EQ(connect(first_answer()), EHOSTUNREACH);
  ASSERT_TRUE(host.stop());
  EXPECT_EQ(host.delay().tally().untaken(), 0u);
}

TEST_P(Refuses, NobodyWhenTheLeaseIsNotRenewed) {
  auto rules = start(sys::Refusal::kTcpReset);
  ASSERT_TRUE(rules) << rules.error().message();
  std::this_thread::sleep_for(1100ms);
  EXPECT_EQ(connect(kAtOnce), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Refuses,
    ::testing::Values(Way{Direction::kArrival, true, false}, Way{Direction::kArrival, false, false},
                      Way{Direction::kDeparture, true, false}, Way{Direction::kDeparture, false, false},
                      Way{Direction::kArrival, true, true}, Way{Direction::kDeparture, false, true}),
    [](const auto& tested) {
      const Way& way = tested.param;
      return std::string(way.direction == Direction::kArrival ? "Arrival" : "Departure") + (way.v4 ? "V4" : "V6") +
             (way.loopback ? "OnLo" : "");
    });

}  // namespace
}  // namespace ordeal::testing
