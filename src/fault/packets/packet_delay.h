// PacketDelay: the rules and the queue of one latency attack in one network namespace, with the order of things that
// loses no packet: the queue is there before the rules are; at the end the rules stop matching, what is held goes on
// its way, and only when no PacketDelay of this process is left in the namespace the tables go (the kernel drops all
// queued packets of a namespace whenever anybody there removes a base chain: a removal by somebody else during the
// attack loses what is held at that moment, which stats() counts).
// When the owner dies the kernel removes the table and drops what is held; what comes later flows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fault/packets/delay_queue.h"
#include "fault/packets/delayed_namespace.h"
#include "platform/sys/network/netns.h"
#include "platform/sys/network/nft.h"

namespace ordeal::packets {

// Matches that let neighbour discovery (ICMPv6 133-137) and Packet Too Big (ICMPv6 2, ICMP 3/4) pass undelayed. To be
// put before the rules that queue.
std::vector<sys::Rule> control_message_rules();
// For departure, before the rules that queue: what we sent again passes. The witness counts it.
sys::Rule resent_rule(const DelayOptions& options, bool counted = false);
// For departure, the last thing that the namespace does with a packet: counts what we sent again and is still there.
// Only with a group in the options.
sys::Chain delivery_chain(const DelayOptions& options);

// What became of the packets that an attack meant, by the kernel's own counters.
struct DelayTally {
  DelayStats stats;
  uint64_t meant = 0;      // counted beside the rules that queue, lease or not
  uint64_t fragments = 0;  // passed, because the kernel cannot put them together here
  uint64_t foreign = 0;    // passed, because they carry our mark and are not ours
  // Of what was sent again, dropped by somebody's rule; nothing where that cannot be seen.
  std::optional<uint64_t> undelivered;
  // Passed undelayed: the rules had no effect, or the queue was full.
  uint64_t untaken() const { return meant > stats.matched ? meant - stats.matched : 0; }
};

class PacketDelay {
 public:
  // The chains that hand packets to the queue `number`, in hook prerouting or output. Their priority is set here:
  // before connection tracking and destination NAT.
  using ChainMaker = std::function<std::vector<sys::Chain>(uint16_t number)>;

  // `whole_packets`: fragments are put together before, as for connection tracking, where the kernel can.
  static Result<PacketDelay> start(const sys::NetNs& where, const std::string& table, const DelayOptions& options,
                                   const ChainMaker& chains, Random& random, bool whole_packets = false);
  PacketDelay(PacketDelay&& other) noexcept = default;
  PacketDelay& operator=(PacketDelay&& other) noexcept;
  ~PacketDelay() { (void)stop(); }

  std::vector<int> descriptors() const { return queue_.descriptors(); }
  std::optional<BootTime> next_deadline() const { return queue_.next_deadline(); }
  // When a descriptor is readable or a deadline has come.
  Result<> on_ready(BootTime now) { return queue_.on_ready(now); }
  Result<> renew() { return table_.renew(); }
  // Reads the kernel's counters for tally(), and so confirms that the rules are there. stop() does it once more.
  Result<> look();
  // The rules had no effect for a while and have it again (after a renew() that says so).
  Result<> revive() { return table_.revive(); }
  // The delay ends and everything held goes on. Idempotent; takes about 20 ms.
  Result<> stop();

  // As of the last look, and of what was held since.
  DelayTally tally() const;
  const DelayStats& stats() const { return queue_.stats(); }
  // Not after stop().
  Result<std::vector<sys::RuleCounter>> counters() { return table_.counters(); }
  sys::QueueStyle queue_style() const { return table_.queue_style(); }

 private:
  PacketDelay(const DelayOptions& options, DelayQueue queue, sys::NftTable table,
              std::shared_ptr<DelayedNamespace> where)
      : options_(options), queue_(std::move(queue)), where_(std::move(where)), table_(std::move(table)) {}
  Result<> let_go();

  DelayOptions options_;
  std::map<std::string, uint64_t> counted_;  // packets, by the comment of their rules, at the last look
  uint64_t resent_then_ = 0;
  // In this order: the table goes before the queue.
  DelayQueue queue_;
  std::shared_ptr<DelayedNamespace> where_;  // null when stopped
  sys::NftTable table_;
};

}  // namespace ordeal::packets
