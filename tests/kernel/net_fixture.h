// What the tests of packets share: network namespaces of their own, sockets in them, and a loop that hosts a delay.
// Everything made here is gone with the objects; nothing outside the namespaces is touched.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fault/attacks/fault.h"
#include "fault/packets/packet_rules.h"
#include "platform/sys/network/netns.h"

namespace ordeal::testing {

constexpr uint16_t kPort = 7000;

// A fresh namespace whose lo is up; skips the test where it cannot be made.
Result<sys::NetNs> make_namespace();
// Runs a program inside, to the end; its exit code, or -1. Output goes to `output` when given.
int run_in(const sys::NetNs& where, const std::vector<std::string>& argv, std::string* output = nullptr);

// 127.0.0.1 or ::1, or any other address.
struct Endpoint {
  std::string address;
  uint16_t port = 0;
  sockaddr_storage storage() const;
  socklen_t size() const;
};

Result<UniqueFd> udp_socket(const sys::NetNs& where, const Endpoint& bound);

// Sends `count` datagrams from `from` to `to`, `gap` apart, and gives the one-way time of each that arrived within
// `patience`, in the order of arrival.
struct Trip {
  uint32_t number;
  Nanos took;
};
std::vector<Trip> send_one_way(int from, int to, const Endpoint& target, uint32_t count, Nanos gap, Nanos patience,
                               size_t bytes = sizeof(uint32_t));
Nanos median(std::vector<Trip> trips);

// Hosts a delay (or another verdict) on a thread until it is stopped or destroyed, renewing its lease.
class DelayHost {
 public:
  explicit DelayHost(packets::PacketRules delay);
  ~DelayHost();
  // Ends the thread and stops the delay cleanly; the statistics are final then.
  Result<> stop();
  packets::PacketRules& delay() { return delay_; }

 private:
  void run();

  packets::PacketRules delay_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// Hosts an impact on a thread until it is reverted or destroyed, as the guard does.
class ImpactHost {
 public:
  explicit ImpactHost(std::unique_ptr<fault::Impact> impact);
  ~ImpactHost();
  // No work and no renewal for so long.
  void stand_still(Nanos length) { standing_until_ = boot_now() + length; }
  // Ends the thread and reverts. The proof is final then.
  Proof revert();
  // What work() or renew() failed with, or "".
  std::string broken();
  // After the last work().
  bool in_force() const { return in_force_; }

 private:
  void run();

  std::unique_ptr<fault::Impact> impact_;
  std::atomic<bool> ending_{false}, in_force_{false};
  std::atomic<BootTime> standing_until_{BootTime{}};
  std::mutex mutex_;
  std::string broken_;
  std::thread thread_;
};

// Two namespaces with a veth pair between them: v0 in `here` (10.9.0.1, fd09::1), v1 in `there` (10.9.0.2, fd09::2).
struct VethPair {
  std::unique_ptr<sys::NetNs> here, there;
};
Result<VethPair> make_pair_of_namespaces();

// A cgroup v2 of the test's own, at level 1; where version 2 is mounted differs between machines.
class TestCgroup {
 public:
  static std::optional<TestCgroup> make() {
    for (std::string root : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
      struct stat status {};
      if (::stat((root + "/cgroup.subtree_control").c_str(), &status) != 0) continue;
      std::string path = root + "/ordeal_net_test_" + std::to_string(::getpid());
      if (::mkdir(path.c_str(), 0755) != 0 || ::stat(path.c_str(), &status) != 0) continue;
      return TestCgroup(root, path, status.st_ino);
    }
    return std::nullopt;
  }
  TestCgroup(TestCgroup&& other) noexcept
      : root_(std::move(other.root_)), path_(std::exchange(other.path_, "")), id_(other.id_) {}
  ~TestCgroup() {
    if (path_.empty()) return;
    leave();
    ::rmdir(path_.c_str());
  }
  void enter() { std::ofstream(path_ + "/cgroup.procs") << ::getpid(); }
  void leave() { std::ofstream(root_ + "/cgroup.procs") << ::getpid(); }
  uint64_t id() const { return id_; }

 private:
  TestCgroup(std::string root, std::string path, uint64_t id)
      : root_(std::move(root)), path_(std::move(path)), id_(id) {}
  std::string root_, path_;
  uint64_t id_;
};

// Everything to UDP port `port` is delayed.
sys::Chain delay_chain(const packets::PacketOptions& options, uint16_t port, uint16_t queue);
Result<packets::PacketRules> start_delay(const sys::NetNs& where, const packets::PacketOptions& options, uint16_t port);

}  // namespace ordeal::testing
