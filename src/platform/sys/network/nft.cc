#include "platform/sys/network/nft.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

namespace ordeal::sys {
namespace {

constexpr uint8_t kCommentTag = 0;  // nft's own numbering of rule user data
// nft's own numbering of key types; only for display.
struct KeyType {
  uint32_t number;
  uint32_t length;
};
constexpr KeyType kNfprotoKey{2, 1}, kIpv4Key{7, 4}, kIpv6Key{8, 16};

void start(MessageBatch& batch) {
  batch.begin_netfilter(NFNL_SUBSYS_NONE, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
                        "commit a change of nftables");
}

void finish(MessageBatch& batch) {
  batch.begin_netfilter(NFNL_SUBSYS_NONE, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
                        "commit a change of nftables");
}

void message(MessageBatch& batch, uint8_t type, int flags, std::string description) {
  batch.begin_netfilter(NFNL_SUBSYS_NFTABLES, type, static_cast<uint16_t>(flags), NFPROTO_INET, 0,
                        std::move(description));
}

void write_table(MessageBatch& batch, const std::string& table) {
  message(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, "make the table " + table);
  batch.put_text(NFTA_TABLE_NAME, table);
  batch.put_be32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

void write_set(MessageBatch& batch, const std::string& table, const char* name, uint32_t id, uint32_t flags,
               KeyType key = kNfprotoKey) {
  message(batch, NFT_MSG_NEWSET, NLM_F_CREATE, fmt::format("make the set {} of the table {}", name, table));
  batch.put_text(NFTA_SET_TABLE, table);
  batch.put_text(NFTA_SET_NAME, name);
  batch.put_be32(NFTA_SET_ID, id);
  batch.put_be32(NFTA_SET_FLAGS, flags);
  batch.put_be32(NFTA_SET_KEY_TYPE, key.number);
  batch.put_be32(NFTA_SET_KEY_LEN, key.length);
}

void write_sets(MessageBatch& batch, const TableSpec& spec) {
  auto lease = std::chrono::duration_cast<milliseconds>(spec.lease);
  uint32_t id = 3;
  for (AddressSet set : {AddressSet::kMeant, AddressSet::kSpared})
    for (int family : {AF_INET, AF_INET6})
      write_set(batch, spec.name, name_of(set, family), id++, 0, family == AF_INET ? kIpv4Key : kIpv6Key);
  write_set(batch, spec.name, kWithdrawableSet, 2, 0);
  write_set(batch, spec.name, kLeaseSet, 1, NFT_SET_TIMEOUT);
  batch.put_be64(NFTA_SET_TIMEOUT, static_cast<uint64_t>(lease.count()));
}

void write_addresses(MessageBatch& batch, const std::string& table, AddressSet set, int family,
                     const std::vector<Prefix>& addresses) {
  const char* name = name_of(set, family);
  message(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK,
          fmt::format("add addresses to the set {} of the table {}", name, table));
  batch.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
  batch.put_text(NFTA_SET_ELEM_LIST_SET, name);
  batch.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
    for (const Prefix& one : addresses)
      if (one.family == family)
        batch.nest(NFTA_LIST_ELEM, [&] {
          batch.nest(NFTA_SET_ELEM_KEY, [&] { batch.put(NFTA_DATA_VALUE, {one.address.data(), one.width()}); });
        });
  });
}

void write_elements(MessageBatch& batch, const std::string& table, const char* set, uint8_t type, int flags,
                    std::string description) {
  message(batch, type, flags, std::move(description));
  batch.put_text(NFTA_SET_ELEM_LIST_TABLE, table);
  batch.put_text(NFTA_SET_ELEM_LIST_SET, set);
  batch.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
    for (uint8_t family : {NFPROTO_IPV4, NFPROTO_IPV6})
      batch.nest(NFTA_LIST_ELEM, [&] {
        batch.nest(NFTA_SET_ELEM_KEY, [&] { batch.put(NFTA_DATA_VALUE, {&family, 1}); });
      });
  });
}

void write_chain(MessageBatch& batch, const std::string& table, const std::string& name, int flags = 0) {
  message(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | flags, "make the chain " + name);
  batch.put_text(NFTA_CHAIN_TABLE, table);
  batch.put_text(NFTA_CHAIN_NAME, name);
}

std::string hook_name(const Chain& chain) { return chain.name + "_hook"; }
std::string witness_name(const Chain& chain) { return chain.name + "_witness"; }

void write_base_chain(MessageBatch& batch, const std::string& table, const Chain& chain) {
  write_chain(batch, table, hook_name(chain));
  batch.nest(NFTA_CHAIN_HOOK, [&] {
    batch.put_be32(NFTA_HOOK_HOOKNUM, static_cast<uint32_t>(chain.hook));
    batch.put_be32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(chain.priority));
  });
  batch.put_text(NFTA_CHAIN_TYPE, "filter");
}

void begin_rule(MessageBatch& batch, const std::string& table, const std::string& chain, const std::string& comment) {
  message(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add the rule '" + comment + "'");
  batch.put_text(NFTA_RULE_TABLE, table);
  batch.put_text(NFTA_RULE_CHAIN, chain);
}

// A type-length-value list, as nft itself writes it.
std::vector<uint8_t> user_data(const std::string& comment) {
  std::vector<uint8_t> data{kCommentTag, static_cast<uint8_t>(comment.size() + 1)};
  data.insert(data.end(), comment.begin(), comment.end());
  data.push_back(0);
  return data;
}

std::string comment_in(Bytes data) {
  if (data.size() < 3 || data[0] != kCommentTag || data[1] < 1 || data.size() < 2u + data[1]) return {};
  return {reinterpret_cast<const char*>(data.data()) + 2, data[1] - 1u};
}

std::optional<RuleCounter> counter_in(const nlmsghdr& message) {
  Bytes rule = payload_of(message, sizeof(nfgenmsg));
  auto expressions = find_attribute(rule, NFTA_RULE_EXPRESSIONS);
  auto chain = find_attribute(rule, NFTA_RULE_CHAIN);
  if (!expressions || !chain) return std::nullopt;
  RuleCounter counter{std::string(chain->text()), {}, 0, 0};
  if (auto data = find_attribute(rule, NFTA_RULE_USERDATA)) counter.comment = comment_in(data->value);
  for (AttributeReader reader(expressions->value); auto element = reader.next();) {
    auto name = find_attribute(element->value, NFTA_EXPR_NAME);
    auto data = find_attribute(element->value, NFTA_EXPR_DATA);
    if (!name || !data || name->text() != "counter") continue;
    if (auto packets = find_attribute(data->value, NFTA_COUNTER_PACKETS)) counter.packets = packets->be64();
    if (auto bytes = find_attribute(data->value, NFTA_COUNTER_BYTES)) counter.bytes = bytes->be64();
    return counter;
  }
  return std::nullopt;
}

}  // namespace

Result<NftTable> NftTable::create(NetlinkSocket socket, TableSpec spec, QueueStyle preferred) {
  NftTable table(std::move(socket), std::move(spec));
  table.style_ = preferred;
  auto made = table.make_rules();
  if (!made && made.error().sys_errno == ENOENT) {
    table.style_ = preferred == QueueStyle::kNative ? QueueStyle::kXtTarget : QueueStyle::kNative;
    made = table.make_rules();
  }
  if (made && table.spec_.whole_packets) table.whole_packets_ = table.put_packets_together().has_value();
  if (made) made = table.add_addresses(AddressSet::kSpared, table.spec_.spared);
  if (made) made = table.put_in_force();
  if (!made) return wrap(std::move(made).error(), "cannot create the nftables table " + table.spec_.name);
  return table;
}

void NftTable::write_rule(MessageBatch& batch, const std::string& chain, const Rule& rule) const {
  begin_rule(batch, spec_.name, chain, rule.comment_);
  batch.nest(NFTA_RULE_EXPRESSIONS, [&] {
    for (const auto& writer : rule.writers_) writer(batch, style_);
  });
  batch.put(NFTA_RULE_USERDATA, user_data(rule.comment_));
}

// Without hooks: a transaction that fails removes what it has made, and the removal of a base chain would drop every
// packet that waits in a queue of the namespace.
Result<> NftTable::make_rules() {
  MessageBatch batch;
  start(batch);
  write_table(batch, spec_.name);
  write_sets(batch, spec_);
  for (const Chain& chain : spec_.chains) {
    write_chain(batch, spec_.name, chain.name);
    write_chain(batch, spec_.name, witness_name(chain));
  }
  for (const Chain& chain : spec_.chains) {
    for (const Rule& rule : chain.witness) write_rule(batch, witness_name(chain), rule);
    for (const Rule& rule : chain.rules) {
      Rule leased = Rule(rule.comment_).in_set(kLeaseSet);
      leased.writers_.insert(leased.writers_.end(), rule.writers_.begin(), rule.writers_.end());
      write_rule(batch, chain.name, leased);
    }
  }
  finish(batch);
  TRY_VOID(socket_.transact(batch));
  present_ = true;
  return {};
}

// By a rule that nothing ever reaches: tproxy needs whole packets, so the kernel makes them while such a rule exists.
// A transaction of its own, the last before the hooks: one that fails after it would undo it, and with it drop every
// packet that waits in a queue of the namespace.
Result<> NftTable::put_packets_together() {
  MessageBatch batch;
  start(batch);
  write_chain(batch, spec_.name, "whole_packets", NLM_F_ACK);
  write_rule(batch, "whole_packets", Rule("the kernel puts fragments together").whole_packets());
  finish(batch);
  return socket_.transact(batch);
}

Result<> NftTable::put_in_force() {
  MessageBatch batch;
  start(batch);
  for (const Chain& chain : spec_.chains) {
    if (chain.hook == Hook::kNone) continue;
    write_base_chain(batch, spec_.name, chain);
    if (!chain.witness.empty()) write_rule(batch, hook_name(chain), Rule("count").jump(witness_name(chain)));
    write_rule(batch, hook_name(chain), Rule("to the rules").jump(chain.name));
  }
  write_elements(batch, spec_.name, kWithdrawableSet, NFT_MSG_NEWSETELEM, NLM_F_CREATE,
                 "put in force what can be withdrawn");
  write_elements(batch, spec_.name, kLeaseSet, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, "start the lease");
  finish(batch);
  return socket_.transact(batch);
}

NftTable::NftTable(NftTable&& other) noexcept
    : socket_(std::move(other.socket_)),
      spec_(std::move(other.spec_)),
      style_(other.style_),
      present_(std::exchange(other.present_, false)),
      whole_packets_(other.whole_packets_) {}

NftTable& NftTable::operator=(NftTable&& other) noexcept {
  if (this == &other) return *this;
  (void)remove();
  socket_ = std::move(other.socket_);
  spec_ = std::move(other.spec_);
  style_ = other.style_;
  present_ = std::exchange(other.present_, false);
  whole_packets_ = other.whole_packets_;
  return *this;
}

NftTable::~NftTable() { (void)remove(); }

Result<> NftTable::renew() {
  auto changed = change_lease(true);
  if (!changed && changed.error().sys_errno == ENOENT) {
    return fail(Errc::kTimeout, "the kernel's lease on the table " + spec_.name + " had run out",
                "the machine or Ordeal's guard was stalled for longer than the lease");
  }
  return changed;
}

Result<> NftTable::revive() { return change_lease(false); }

Result<> NftTable::change_lease(bool remove_first) {
  MessageBatch batch;
  start(batch);
  // Adding an element that is there does not extend it, so it is deleted first, in the same transaction.
  if (remove_first) write_elements(batch, spec_.name, kLeaseSet, NFT_MSG_DELSETELEM, 0, "end the old lease");
  write_elements(batch, spec_.name, kLeaseSet, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, "renew the lease");
  finish(batch);
  return socket_.transact(batch);
}

Result<> NftTable::disarm() { return empty_set(kLeaseSet); }

Result<> NftTable::withdraw() { return empty_set(kWithdrawableSet); }

Result<> NftTable::empty_set(const char* set) {
  if (!present_) return {};
  MessageBatch batch;
  start(batch);
  // Without elements in the message all go, and an empty set is no error.
  message(batch, NFT_MSG_DELSETELEM, NLM_F_ACK, fmt::format("empty the set {} of the table {}", set, spec_.name));
  batch.put_text(NFTA_SET_ELEM_LIST_TABLE, spec_.name);
  batch.put_text(NFTA_SET_ELEM_LIST_SET, set);
  finish(batch);
  return socket_.transact(batch);
}

Result<> NftTable::add_addresses(AddressSet set, const std::vector<Prefix>& addresses) {
  for (int family : {AF_INET, AF_INET6}) {
    if (std::none_of(addresses.begin(), addresses.end(), [&](auto& one) { return one.family == family; })) continue;
    MessageBatch batch;
    start(batch);
    write_addresses(batch, spec_.name, set, family, addresses);
    finish(batch);
    TRY_VOID(socket_.transact(batch));
  }
  return {};
}

Result<std::vector<RuleCounter>> NftTable::counters() {
  MessageBatch batch;
  message(batch, NFT_MSG_GETRULE, NLM_F_DUMP, "read the rules of the table " + spec_.name);
  batch.put_text(NFTA_RULE_TABLE, spec_.name);
  std::vector<RuleCounter> counters;
  TRY_VOID(socket_.dump(batch, [&](const nlmsghdr& rule) {
    // An older kernel ignores the filter and dumps every table.
    auto table = find_attribute(payload_of(rule, sizeof(nfgenmsg)), NFTA_RULE_TABLE);
    if (!table || table->text() != spec_.name) return;
    if (auto counter = counter_in(rule)) counters.push_back(std::move(*counter));
  }));
  return counters;
}

Result<> NftTable::remove() {
  if (!present_) return {};
  MessageBatch batch;
  start(batch);
  message(batch, NFT_MSG_DELTABLE, NLM_F_ACK, "delete the table " + spec_.name);
  batch.put_text(NFTA_TABLE_NAME, spec_.name);
  finish(batch);
  TRY_VOID(socket_.transact(batch));
  present_ = false;
  return {};
}

}  // namespace ordeal::sys
