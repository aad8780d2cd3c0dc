// What the tests of packets share: network namespaces of their own, sockets in them, and a loop that hosts a delay.
// Everything made here is gone with the objects; nothing outside the namespaces is touched.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <memory>
#include <mutex>
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

 private:
  void run();

  std::unique_ptr<fault::Impact> impact_;
  std::atomic<bool> ending_{false};
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

// Everything to UDP port `port` is delayed.
sys::Chain delay_chain(const packets::PacketOptions& options, uint16_t port, uint16_t queue);
Result<packets::PacketRules> start_delay(const sys::NetNs& where, const packets::PacketOptions& options, uint16_t port);

}  // namespace ordeal::testing
