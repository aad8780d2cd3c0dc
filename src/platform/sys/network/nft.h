// NftTable: one nftables table that the kernel ties to our socket (flags owner) and to a lease. It is gone when it is
// destroyed, when the process dies, or, whoever holds it, without effect when renew() has not been called for `lease`.
// Rule describes one rule as a list of matches and a verdict. Family inet: IPv4 and IPv6 at once.
// Rule for the user: ports need protocol() first; every rule but a witness matches only while the lease lives.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "platform/sys/network/netlink.h"
#include "platform/sys/network/packet.h"

namespace ordeal::sys {

// The sets of every table: both families are in them as long as the lease lives, and until withdraw().
constexpr const char* kLeaseSet = "lease";
constexpr const char* kWithdrawableSet = "withdrawable";
// Addresses that are added while the table exists (add_addresses()), and stay.
enum class AddressSet { kMeant, kSpared };

// How a rule hands packets to a queue: nft's own expression, or (kernels built without it) the xt target NFQUEUE.
enum class QueueStyle { kNative, kXtTarget };

// What answers a packet that a rule refuses: a TCP reset (what is not TCP gets no answer), or ICMP.
enum class Refusal { kTcpReset, kHostUnreachable };

class Rule {
 public:
  // The comment is shown by `nft list` and names the rule in counters(). At most 100 bytes.
  explicit Rule(std::string comment) : comment_(std::move(comment)) {}

  // Matches; a packet must pass all, in this order.
  Rule& family(int family);  // AF_INET or AF_INET6
  Rule& protocol(uint8_t number);
  Rule& in_device(const std::string& name, bool equal = true);
  Rule& out_device(const std::string& name, bool equal = true);
  Rule& in_link(uint32_t index, bool equal = true);  // whatever its name is by now
  Rule& out_link(uint32_t index, bool equal = true);
  Rule& in_loopback();
  Rule& out_loopback();
  Rule& mark(uint32_t mask, uint32_t value, bool equal = true);
  Rule& source(const Prefix& prefix);
  Rule& destination(const Prefix& prefix);
  Rule& source_in(AddressSet set, int family);
  Rule& destination_in(AddressSet set, int family);
  Rule& source_port(uint16_t first, uint16_t last);
  Rule& destination_port(uint16_t first, uint16_t last);
  Rule& icmp_type(uint8_t first, uint8_t last);
  Rule& icmp_code(uint8_t code);
  Rule& tcp_flag(uint8_t flag);  // set; TCP only
  // The packet's socket belongs to the cgroup v2 whose directory has inode `id`, `level` steps below the root.
  Rule& cgroup(uint32_t level, uint64_t id);
  // The sending socket was opened by a thread whose file system group was `group`. Only where the packet has one.
  Rule& sender_group(uint32_t group);
  // A share (0 to below 1) of the packets, drawn by the kernel for each anew.
  Rule& random(double share);
  // A part of a larger packet of that family, the first part included.
  Rule& fragment(int family);

  // Matches until the table's withdraw(): for what must be taken back while the other rules go on.
  Rule& withdrawable();

  Rule& counter();

  // Verdicts; the last thing in a rule.
  Rule& accept();
  Rule& drop();
  Rule& refuse(Refusal refusal);  // drops it, and answers its sender; in prerouting, input, forward, output
  Rule& leave();                  // the rest of this chain is skipped ("return")
  Rule& jump(const std::string& chain);
  Rule& queue(uint16_t number);  // to that queue; with nobody there the packet passes

 private:
  friend class NftTable;
  using Writer = std::function<void(MessageBatch&, QueueStyle)>;
  Rule& add(Writer writer);
  Rule& compare(uint32_t operation, std::vector<uint8_t> value);
  Rule& meta(uint32_t key);
  Rule& payload(uint32_t base, uint32_t offset, uint32_t length);
  Rule& masked(std::vector<uint8_t> mask);
  Rule& within(uint32_t base, uint32_t offset, std::vector<uint8_t> first, std::vector<uint8_t> last);
  Rule& address(const Prefix& prefix, uint32_t v4_offset, uint32_t v6_offset);
  Rule& address_in(AddressSet set, int family, uint32_t v4_offset, uint32_t v6_offset);
  Rule& verdict(int32_t code, const std::string& chain = {});
  Rule& in_set(const char* set);
  Rule& look_up(const char* set);
  Rule& whole_packets();

  std::string comment_;
  std::vector<Writer> writers_;
};

enum class Hook : uint32_t { kPrerouting = 0, kInput = 1, kForward = 2, kOutput = 3, kPostrouting = 4, kNone = ~0u };

struct Chain {
  std::string name;
  Hook hook = Hook::kNone;  // kNone: reached by jump() only
  int32_t priority = 0;     // -300 is raw, -200 connection tracking, 0 filter
  std::vector<Rule> rules;
  // Looked at before `rules`, lease or not: rules that only count (and may leave()). So that what the rules missed can
  // be told.
  std::vector<Rule> witness{};
};

struct TableSpec {
  std::string name;           // letters, digits, '_'; unique among the tables of the namespace
  std::vector<Chain> chains;  // a chain comes after those it jumps to
  // A renewal every quarter of it leaves room for a busy machine; a frozen holder is a black hole for no longer.
  Nanos lease = 1s;
  // The kernel puts fragments together before the hooks, as for connection tracking, as long as the table exists.
  // Where it cannot, nothing fails: whole_packets() says so.
  bool whole_packets = false;
  // In the set kSpared from the first packet on.
  std::vector<Prefix> spared{};
};

// "meant4": the set of one family.
const char* name_of(AddressSet set, int family);

struct RuleCounter {
  std::string chain;
  std::string comment;
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

class NftTable {
 public:
  // Makes the table, in the socket's network namespace: its rules first, then, at one instant, all its hooks. Fails
  // when the name is taken: EPERM by another owner (or no CAP_NET_ADMIN), EEXIST by a table without one. A style that
  // the kernel lacks falls back to the other. No failure touches packets that wait in queues of the namespace.
  static Result<NftTable> create(NetlinkSocket socket, TableSpec spec, QueueStyle preferred = QueueStyle::kNative);
  NftTable(NftTable&& other) noexcept;
  NftTable& operator=(NftTable&& other) noexcept;
  ~NftTable();

  // The lease starts anew. kTimeout when it had run out already: the rules have been without effect for a while, and
  // stay so; revive() puts them in force again.
  Result<> renew();
  Result<> revive();
  // Ends the lease now: nothing matches any more, while chains and counters stay. Needed before remove() when packets
  // are held: the kernel drops all queued packets of a namespace when a chain goes.
  Result<> disarm();
  // The rules that are withdrawable() match nothing from now on, for good.
  Result<> withdraw();
  // Whole addresses (no networks) into a set; those that are in it already are fine.
  Result<> add_addresses(AddressSet set, const std::vector<Prefix>& addresses);
  // Counters of the rules that have one, in the order of the rules.
  Result<std::vector<RuleCounter>> counters();
  // Deletes the table. Idempotent; the destructor does it too.
  Result<> remove();

  const std::string& name() const { return spec_.name; }
  // Fragments are put together.
  bool whole_packets() const { return whole_packets_; }
  QueueStyle queue_style() const { return style_; }

 private:
  NftTable(NetlinkSocket socket, TableSpec spec) : socket_(std::move(socket)), spec_(std::move(spec)) {}
  Result<> make_rules();
  Result<> put_packets_together();
  Result<> put_in_force();
  void write_rule(MessageBatch& batch, const std::string& chain, const Rule& rule) const;
  Result<> change_lease(bool remove_first);
  Result<> empty_set(const char* set);

  NetlinkSocket socket_;
  TableSpec spec_;
  QueueStyle style_ = QueueStyle::kNative;
  bool present_ = false;
  bool whole_packets_ = false;
};

}  // namespace ordeal::sys
