// PacketDelay: the rules and the queue of one latency attack in one network namespace, with the order of things that
// loses no packet: the queue is there before the rules are; at the end the rules stop matching, what is held goes on
// its way, and only then the table goes (the kernel drops all queued packets of a namespace whenever anybody there
// removes a chain: a foreign removal during the attack loses what is held at that moment).
// When the owner dies the kernel removes the table and drops what is held; what comes later flows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fault/delay_queue.h"
#include "sys/netns.h"
#include "sys/nft.h"

namespace ordeal::fault {

// Matches that let neighbour discovery (ICMPv6 133-137) and Packet Too Big (ICMPv6 2, ICMP 3/4) pass undelayed. To be
// put before the rules that queue.
std::vector<sys::Rule> control_message_rules();
// For departure, before the rules that queue: what we sent again passes.
sys::Rule resent_rule(const DelayOptions& options);

class PacketDelay {
 public:
  // The chains that hand packets to the queue `number`, in hook prerouting or output, at kPriority.
  using ChainMaker = std::function<std::vector<sys::Chain>(uint16_t number)>;
  static constexpr int32_t kPriority = -300;  // before connection tracking and destination NAT

  static Result<PacketDelay> start(const sys::NetNs& where, const std::string& table, const DelayOptions& options,
                                   const ChainMaker& chains, Random& random);

  std::vector<int> descriptors() const { return queue_.descriptors(); }
  std::optional<BootTime> next_deadline() const { return queue_.next_deadline(); }
  // When a descriptor is readable or a deadline has come.
  Result<> on_ready(BootTime now) { return queue_.on_ready(now); }
  Result<> renew() { return table_.renew(); }
  // The delay ends and everything held goes on; rules and counters stay, without effect. With several of these in one
  // namespace, call it on all before stop() on any: a chain's removal drops what the others hold.
  Result<> let_go();
  // let_go(), then the table is removed. Both are idempotent and take about 20 ms.
  Result<> stop();

  const DelayStats& stats() const { return queue_.stats(); }
  // Not after stop().
  Result<std::vector<sys::RuleCounter>> counters() { return table_.counters(); }
  sys::QueueStyle queue_style() const { return table_.queue_style(); }

 private:
  PacketDelay(DelayQueue queue, sys::NftTable table) : queue_(std::move(queue)), table_(std::move(table)) {}

  // In this order: the table goes before the queue.
  DelayQueue queue_;
  sys::NftTable table_;
};

}  // namespace ordeal::fault
