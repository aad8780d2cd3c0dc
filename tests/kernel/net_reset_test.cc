// Connections as the kernel lists them, and their end: both ends see it, and no other connection does.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>

#include "fault/attacks/faults.h"
#include "fault/packets/names/name_watch.h"
#include "net_fixture.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/spawn.h"
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
    ASSERT_EQ(::listen(listener_.get(), 1024), 0);
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

// The attack itself, on a process that is alone in `here` and keeps connections; this test's own are protected, as
// Ordeal's are.
class ResetAttack : public Resets {
 protected:
  void SetUp() override {
    Resets::SetUp();
    if (IsSkipped()) return;
    context_.now = boot_now();
    context_.length = 60s;
    context_.random = &random_;
  }
  void TearDown() override {
    packets::set_look_up_program("/proc/self/exe");
    ::unlink(program_.c_str());
  }
  void start_victim(size_t connections) {
    std::string program = "import socket, time\nall = [socket.create_connection(('" + server_.address + "', " +
                          std::to_string(kPort) + ")) for _ in range(" + std::to_string(connections) +
                          ")]\ntime.sleep(100)";
    victim_process_ = std::make_unique<sys::Child>(*pair_.here->run([&]() -> Result<sys::Child> {
      sys::SpawnOptions options;
      options.argv = {"python3", "-c", program};
      return sys::Child::start(options);
    }));
    kernel_ = *sys::TcpConnections::open(*pair_.here);
    size_t before = standing();
    for (int i = 0; i < 500 && standing() < before + connections; ++i) std::this_thread::sleep_for(20ms);
    ASSERT_EQ(standing(), before + connections);
    auto stat = *sys::read_stat(victim_process_->pid());
    victim_.kind = VictimKind::kProcess;
    victim_.name = "victim";
    victim_.processes = {{stat.pid, stat.start_ticks}};
    victim_.netns = pair_.here->id().inode;
  }
  size_t standing() { return kernel_->list()->size(); }
  void apply(const std::string& args) {
    Attack attack;
    attack.type = "reset";
    attack.args = json::parse_document(args)->value.get_object();
    ASSERT_TRUE(fault::resolve(attack));
    auto impact = fault::reset_fault().apply(victim_, attack, context_);
    ASSERT_TRUE(impact) << impact.error().message();
    impact_ = std::move(*impact);
  }
  // Looks up as `commands` say, in the place of the guard's own child.
  void look_up_by(const std::string& commands) {
    std::ofstream(program_) << "#!/bin/sh\n" << commands << "\nexec sleep 60\n";
    ::chmod(program_.c_str(), 0755);
    packets::set_look_up_program(program_);
  }

  std::string program_ = "/tmp/ordeal_reset_names_" + std::to_string(::getpid());
  Random random_{1};
  fault::Context context_;
  Victim victim_;
  std::unique_ptr<sys::Child> victim_process_;
  std::optional<sys::TcpConnections> kernel_;
  std::unique_ptr<fault::Impact> impact_;
};

TEST_P(ResetAttack, SparesWhatTheProtectedHoldAndWhatNobodyHasAcceptedYet) {
  TwoEnds guarded = connect();
  Endpoint here{GetParam() == std::string("10.9.0.2") ? "10.9.0.1" : "fd09::1", kPort};
  auto storage = here.storage();
  UniqueFd listener = *pair_.here->run(
      [&]() -> Result<UniqueFd> { return UniqueFd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  UniqueFd waiting = *pair_.there->run(
      [&]() -> Result<UniqueFd> { return UniqueFd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&storage), here.size()), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::connect(waiting.get(), reinterpret_cast<sockaddr*>(&storage), here.size()), 0);
  start_victim(2);
  apply("{}");
  auto worked = impact_->work(boot_now());
  ASSERT_TRUE(worked) << worked.error().message();
  EXPECT_EQ(standing(), 2u);
  EXPECT_EQ(error_of(guarded.client.get()), 0);
  EXPECT_EQ(error_of(waiting.get()), 0);
  UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_EQ(::send(waiting.get(), "x", 1, MSG_NOSIGNAL), 1);
  char byte = 0;
  EXPECT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
  Proof proof = impact_->proof(boot_now());
  EXPECT_TRUE(proof.proven) << proof.reason;
  EXPECT_EQ(proof.measured,
            "2 of 2 connections were reset, in 1 round; 1 spared: a protected process holds them; 1 spared: no process "
            "that can be seen holds them");
}

TEST_P(Resets, AConnectionBetweenTwoOwnAddressesIsLoopback) {
  if (GetParam() != std::string("10.9.0.2")) GTEST_SKIP() << "lo has one address of IPv6";
  TwoEnds outward = connect();
  Endpoint own{"10.9.0.1", kPort};
  auto storage = own.storage();
  auto make = [] { return Result<UniqueFd>(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))); };
  UniqueFd listener = *pair_.here->run(make), client = *pair_.here->run(make);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&storage), own.size()), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  auto from = Endpoint{"127.0.0.1", 0}.storage();
  ASSERT_EQ(::bind(client.get(), reinterpret_cast<sockaddr*>(&from), own.size()), 0);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&storage), own.size()), 0);
  for (const sys::TcpConnection& one : *sys::TcpConnections::open(*pair_.here)->list())
    EXPECT_EQ(one.loopback(), one.remote_port != kPort || one.local_port != outward.port)
        << one.local.to_text() << " " << one.remote.to_text();
}

TEST_P(ResetAttack, AHaltEndsARoundInItsMidst) {
  start_victim(600);
  int asked = 0;
  context_.protection = [&]() -> Result<const fault::Protection*> {
    if (++asked > 2) return fail(Errc::kRefused, "the run was halted");
    return fault::only_always_protected();
  };
  apply("{}");
  EXPECT_FALSE(impact_->work(boot_now()));
  EXPECT_GE(standing(), 100u);
  size_t left = standing();
  ASSERT_TRUE(impact_->revert());
  EXPECT_FALSE(impact_->next_work());
  EXPECT_EQ(standing(), left);
}

TEST_P(ResetAttack, NothingIsResetUntilAllOfAnExcludedNameIsKnown) {
  start_victim(1);
  look_up_by("echo 'db 10.9.9.9'; echo 'db fd09::9'; sleep 0.6; echo 'db " + server_.address + "'; echo 'db .'");
  apply(R"({"hosts": "^db", "interval": "100ms"})");
  for (BootTime end = boot_now() + 1s; boot_now() < end; std::this_thread::sleep_for(20ms))
    ASSERT_TRUE(impact_->work(boot_now()));
  EXPECT_EQ(standing(), 1u);
  EXPECT_FALSE(impact_->proof(boot_now()).proven);
}

TEST_P(ResetAttack, AnExcludedNameThatNeverIsKnownIsNotInjected) {
  start_victim(1);
  look_up_by("echo 'db ? no such host'");
  apply(R"({"hosts": "^db"})");
  std::this_thread::sleep_for(100ms);
  ASSERT_TRUE(impact_->work(boot_now()));
  auto worked = impact_->work(boot_now() + 4s);
  ASSERT_FALSE(worked);
  EXPECT_EQ(worked.error().code, Errc::kNotInjected);
  EXPECT_EQ(standing(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Families, ResetAttack, ::testing::Values("10.9.0.2", "fd09::2"),
                         [](const auto& tested) { return std::string(tested.param) == "10.9.0.2" ? "V4" : "V6"; });
INSTANTIATE_TEST_SUITE_P(Families, Resets, ::testing::Values("10.9.0.2", "fd09::2"),
                         [](const auto& tested) { return std::string(tested.param) == "10.9.0.2" ? "V4" : "V6"; });

}  // namespace
}  // namespace ordeal::testing
