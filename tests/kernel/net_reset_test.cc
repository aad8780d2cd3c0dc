// Connections as the kernel lists them, and their end: both ends see it, and no other connection does.
#include <poll.h>
#include <sys/socket.h>

#include "net_fixture.h"
#include "platform/sys/sockets/tcp_connections.h"

namespace ordeal::testing {
namespace {

struct TwoEnds {
  UniqueFd client, server;
  uint16_t port = 0;  // the client's
};

class Resets : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto made = make_pair_of_namespaces();
    if (!made) GTEST_SKIP() << made.error().message();
    pair_ = std::move(*made);
    server_ = {GetParam(), kPort};
    auto storage = server_.storage();
    listener_ = *pair_.there->run(
        [&]() -> Result<UniqueFd> { return UniqueFd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&storage), server_.size()), 0);
    ASSERT_EQ(::listen(listener_.get(), 8), 0);
  }
  TwoEnds connect() {
    TwoEnds pair;
    auto storage = server_.storage();
    pair.client = *pair_.here->run(
        [&]() -> Result<UniqueFd> { return UniqueFd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
    EXPECT_EQ(::connect(pair.client.get(), reinterpret_cast<sockaddr*>(&storage), server_.size()), 0);
    pair.server = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    ::getsockname(pair.client.get(), reinterpret_cast<sockaddr*>(&own), &size);
    pair.port = ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port);
    return pair;
  }
  static int error_of(int fd) {
    pollfd polled{fd, POLLIN, 0};
    if (::poll(&polled, 1, 300) == 0) return 0;
    char byte;
    return ::recv(fd, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
  }

  VethPair pair_;
  Endpoint server_;
  UniqueFd listener_;
};

TEST_P(Resets, BothEndsOfTheChosenConnectionAndNoOther) {
  TwoEnds hit = connect(), spared = connect();
  auto kernel = sys::TcpConnections::open(*pair_.here);
  ASSERT_TRUE(kernel) << kernel.error().message();
  auto all = kernel->list();
  ASSERT_TRUE(all) << all.error().message();
  ASSERT_EQ(all->size(), 2u);
  for (const sys::TcpConnection& one : *all) {
    EXPECT_EQ(one.remote.to_text(), server_.address);
    EXPECT_EQ(one.remote_port, kPort);
    EXPECT_NE(one.inode, 0u);
    if (one.local_port != hit.port) continue;
    auto done = kernel->destroy(one);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_TRUE(*done);
    EXPECT_FALSE(*kernel->destroy(one));
  }
  EXPECT_EQ(error_of(hit.client.get()), ECONNABORTED);
  EXPECT_EQ(error_of(hit.server.get()), ECONNRESET);
  EXPECT_EQ(kernel->list()->size(), 1u);
  ASSERT_EQ(::send(spared.client.get(), "x", 1, MSG_NOSIGNAL), 1);
  char byte = 0;
  EXPECT_EQ(::recv(spared.server.get(), &byte, 1, 0), 1);
}

INSTANTIATE_TEST_SUITE_P(Families, Resets, ::testing::Values("10.9.0.2", "fd09::2"),
                         [](const auto& tested) { return std::string(tested.param) == "10.9.0.2" ? "V4" : "V6"; });

}  // namespace
}  // namespace ordeal::testing
