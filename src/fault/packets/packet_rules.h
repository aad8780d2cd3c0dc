// PacketRules: the rules of one packet attack in one network namespace, and the queue where their verdict needs one,
// with the order of things that loses no packet: the queue is there before the rules are; at the end the rules stop
// matching, what is held goes on its way, and only when no PacketRules of this process is left in the namespace the
// tables go (the kernel drops all queued packets of a namespace whenever anybody there removes a base chain: a removal
// by somebody else during the attack loses what is held at that moment, which stats() counts). When the owner dies the
// kernel removes the table and drops what is held; what comes later flows.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fault/packets/ruled_namespace.h"
#include "fault/packets/verdict_queue.h"
#include "platform/sys/network/netns.h"
#include "platform/sys/network/nft.h"

namespace ordeal::packets {

// Matches that let neighbour discovery (ICMPv6 133-137) and Packet Too Big (ICMPv6 2, ICMP 3/4) pass. To be put before
// the rules that act.
std::vector<sys::Rule> control_message_rules();
// What tells a sender that it was refused passes: on its way back it may be meant by the rules as well.
std::vector<sys::Rule> refusal_rules();
// Where the verdict sends packets again, before the rules that queue: what we sent passes. The witness counts it.
sys::Rule resent_rule(const PacketOptions& options, bool counted = false);
// The same, the last thing that the namespace does with a packet: counts what we sent again and is still there.
// Only with a group in the options.
sys::Chain delivery_chain(const PacketOptions& options);

// What became of the packets that an attack meant, by the kernel's own counters.
struct PacketTally {
  PacketStats stats;
  uint64_t meant = 0;      // counted beside the rules that act, lease or not
  uint64_t hit = 0;        // counted by the rules that act
  uint64_t spared = 0;     // of a verdict for a share of them, those that were drawn to pass
  uint64_t fragments = 0;  // passed, because the kernel cannot put them together here
  uint64_t foreign = 0;    // passed, because they carry our mark and are not ours
  // Of what was sent again, dropped by somebody's rule; nothing where that cannot be seen.
  std::optional<uint64_t> undelivered;
  // Passed beside the verdict: the rules had no effect, or the queue was full. The rules count merged packets as one,
  // the reader may count their segments, so that each is set against its own kind.
  uint64_t untaken() const;
  // How many packets, as the rules count them, one is that the reader counts: 1, or less where it counts segments.
  double rules_share() const;
};

class PacketRules {
 public:
  // The chains with the rules, in hook prerouting or output; `queue` is there where the verdict needs one. Their
  // priority is set here: before connection tracking and destination NAT.
  using ChainMaker = std::function<std::vector<sys::Chain>(std::optional<uint16_t> queue)>;

  // `whole_packets`: fragments are put together before, as for connection tracking, where the kernel can. `spared`:
  // addresses of names that are excluded, known by now.
  static Result<PacketRules> start(const sys::NetNs& where, const std::string& table, const PacketOptions& options,
                                   const ChainMaker& chains, Random& random, bool whole_packets = false,
                                   const std::vector<sys::Prefix>& spared = {});
  PacketRules(PacketRules&& other) noexcept = default;
  PacketRules& operator=(PacketRules&& other) noexcept;
  ~PacketRules() { (void)stop(); }

  std::vector<int> descriptors() const { return queue_ ? queue_->descriptors() : std::vector<int>{}; }
  std::optional<BootTime> next_deadline() const { return queue_ ? queue_->next_deadline() : std::nullopt; }
  // When a descriptor is readable or a deadline has come.
  Result<> on_ready(BootTime now) { return queue_ ? queue_->on_ready(now) : Result<>{}; }
  Result<> renew() { return table_.renew(); }
  // Reads the kernel's counters for tally(), and so confirms that the rules are there. stop() does it once more.
  Result<> look();
  // What host names stand for now.
  Result<> add_addresses(sys::AddressSet set, const std::vector<sys::Prefix>& addresses) {
    return table_.add_addresses(set, addresses);
  }
  // Only what belongs to no socket of the victim's: ICMP of the whole namespace is not meant any more.
  Result<> withdraw_icmp() { return table_.withdraw(); }
  // The rules had no effect for a while and have it again (after a renew() that says so).
  Result<> revive() { return table_.revive(); }
  // The verdict ends and everything held goes on. Idempotent; takes about 20 ms.
  Result<> stop();

  // As of the last look, and of what was held since.
  PacketTally tally() const;
  // Of the queue, and without one of what the rules did, as of the last look.
  PacketStats stats() const;
  // Not after stop().
  Result<std::vector<sys::RuleCounter>> counters() { return table_.counters(); }
  sys::QueueStyle queue_style() const { return table_.queue_style(); }

 private:
  PacketRules(const PacketOptions& options, std::optional<VerdictQueue> queue, sys::NftTable table,
              std::shared_ptr<RuledNamespace> where)
      : options_(options), queue_(std::move(queue)), where_(std::move(where)), table_(std::move(table)) {}
  Result<> let_go();
  uint64_t counted(const char* rule) const;

  PacketOptions options_;
  std::map<std::string, uint64_t> counted_;  // packets, by the comment of their rules, at the last look
  uint64_t resent_then_ = 0;
  // In this order: the table goes before the queue.
  std::optional<VerdictQueue> queue_;
  std::shared_ptr<RuledNamespace> where_;  // null when stopped
  sys::NftTable table_;
};

}  // namespace ordeal::packets
