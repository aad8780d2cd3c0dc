#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "platform/sys/network/nft.h"

namespace ordeal::sys {
namespace {

constexpr uint16_t kLoopback = ARPHRD_LOOPBACK;
constexpr uint32_t kFragmentField = 6;      // of an IPv4 header
constexpr uint32_t kTcpFlags = 13;          // of a TCP header
constexpr uint16_t kFragmentBits = 0x3fff;  // "more follow", and the offset

// One expression: its name, and its attributes as `fill` writes them.
template <typename F>
void expression(MessageBatch& batch, const char* name, F fill) {
  batch.nest(NFTA_LIST_ELEM, [&] {
    batch.put_text(NFTA_EXPR_NAME, name);
    batch.nest(NFTA_EXPR_DATA, fill);
  });
}

void put_value(MessageBatch& batch, uint16_t type, const std::vector<uint8_t>& value) {
  batch.nest(type, [&] { batch.put(NFTA_DATA_VALUE, value); });
}

template <typename T>
std::vector<uint8_t> raw_bytes(T value) {
  std::vector<uint8_t> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::vector<uint8_t> device_name(const std::string& name) {
  std::vector<uint8_t> bytes(IFNAMSIZ, 0);
  std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), bytes.begin());
  return bytes;
}

uint32_t comparison(bool equal) { return equal ? NFT_CMP_EQ : NFT_CMP_NEQ; }

void native_queue(MessageBatch& batch, uint16_t number) {
  expression(batch, "queue", [&] {
    batch.put_be16(NFTA_QUEUE_NUM, number);
    batch.put_be16(NFTA_QUEUE_TOTAL, 1);
    batch.put_be16(NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
  });
}

void xt_queue(MessageBatch& batch, uint16_t number) {
  xt_NFQ_info_v3 info{.queuenum = number, .queues_total = 1, .flags = NFQ_FLAG_BYPASS};
  std::vector<uint8_t> aligned = raw_bytes(info);
  aligned.resize(8, 0);  // XT_ALIGN
  expression(batch, "target", [&] {
    batch.put_text(NFTA_TARGET_NAME, "NFQUEUE");
    batch.put_be32(NFTA_TARGET_REV, 3);
    batch.put(NFTA_TARGET_INFO, aligned);
  });
}

}  // namespace

Rule& Rule::add(Writer writer) {
  writers_.push_back(std::move(writer));
  return *this;
}

Rule& Rule::meta(uint32_t key) {
  return add([key](MessageBatch& batch, QueueStyle) {
    expression(batch, "meta", [&] {
      batch.put_be32(NFTA_META_DREG, NFT_REG_1);
      batch.put_be32(NFTA_META_KEY, key);
    });
  });
}

Rule& Rule::compare(uint32_t operation, std::vector<uint8_t> value) {
  return add([operation, value = std::move(value)](MessageBatch& batch, QueueStyle) {
    expression(batch, "cmp", [&] {
      batch.put_be32(NFTA_CMP_SREG, NFT_REG_1);
      batch.put_be32(NFTA_CMP_OP, operation);
      put_value(batch, NFTA_CMP_DATA, value);
    });
  });
}

Rule& Rule::payload(uint32_t base, uint32_t offset, uint32_t length) {
  return add([=](MessageBatch& batch, QueueStyle) {
    expression(batch, "payload", [&] {
      batch.put_be32(NFTA_PAYLOAD_DREG, NFT_REG_1);
      batch.put_be32(NFTA_PAYLOAD_BASE, base);
      batch.put_be32(NFTA_PAYLOAD_OFFSET, offset);
      batch.put_be32(NFTA_PAYLOAD_LEN, length);
    });
  });
}

Rule& Rule::masked(std::vector<uint8_t> mask) {
  return add([mask = std::move(mask)](MessageBatch& batch, QueueStyle) {
    expression(batch, "bitwise", [&] {
      batch.put_be32(NFTA_BITWISE_SREG, NFT_REG_1);
      batch.put_be32(NFTA_BITWISE_DREG, NFT_REG_1);
      batch.put_be32(NFTA_BITWISE_LEN, static_cast<uint32_t>(mask.size()));
      put_value(batch, NFTA_BITWISE_MASK, mask);
      put_value(batch, NFTA_BITWISE_XOR, std::vector<uint8_t>(mask.size(), 0));
    });
  });
}

Rule& Rule::within(uint32_t base, uint32_t offset, std::vector<uint8_t> first, std::vector<uint8_t> last) {
  payload(base, offset, static_cast<uint32_t>(first.size()));
  if (first == last) return compare(NFT_CMP_EQ, std::move(first));
  return add([first = std::move(first), last = std::move(last)](MessageBatch& batch, QueueStyle) {
    expression(batch, "range", [&] {
      batch.put_be32(NFTA_RANGE_SREG, NFT_REG_1);
      batch.put_be32(NFTA_RANGE_OP, NFT_RANGE_EQ);
      put_value(batch, NFTA_RANGE_FROM_DATA, first);
      put_value(batch, NFTA_RANGE_TO_DATA, last);
    });
  });
}

Rule& Rule::family(int family) {
  auto protocol = static_cast<uint8_t>(family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
  return meta(NFT_META_NFPROTO).compare(NFT_CMP_EQ, {protocol});
}

Rule& Rule::protocol(uint8_t number) { return meta(NFT_META_L4PROTO).compare(NFT_CMP_EQ, {number}); }

Rule& Rule::in_device(const std::string& name, bool equal) {
  return meta(NFT_META_IIFNAME).compare(comparison(equal), device_name(name));
}

Rule& Rule::out_device(const std::string& name, bool equal) {
  return meta(NFT_META_OIFNAME).compare(comparison(equal), device_name(name));
}

Rule& Rule::in_link(uint32_t index, bool equal) {
  return meta(NFT_META_IIF).compare(comparison(equal), raw_bytes(index));
}

Rule& Rule::out_link(uint32_t index, bool equal) {
  return meta(NFT_META_OIF).compare(comparison(equal), raw_bytes(index));
}

Rule& Rule::in_loopback() { return meta(NFT_META_IIFTYPE).compare(NFT_CMP_EQ, raw_bytes(kLoopback)); }
Rule& Rule::out_loopback() { return meta(NFT_META_OIFTYPE).compare(NFT_CMP_EQ, raw_bytes(kLoopback)); }

Rule& Rule::sender_group(uint32_t group) { return meta(NFT_META_SKGID).compare(NFT_CMP_EQ, raw_bytes(group)); }

Rule& Rule::fragment(int version) {
  family(version);
  if (version == AF_INET) {
    payload(NFT_PAYLOAD_NETWORK_HEADER, kFragmentField, sizeof(uint16_t));
    return masked(raw_bytes(htons(kFragmentBits))).compare(NFT_CMP_NEQ, raw_bytes(uint16_t{0}));
  }
  add([](MessageBatch& batch, QueueStyle) {
    expression(batch, "exthdr", [&] {
      batch.put_be32(NFTA_EXTHDR_DREG, NFT_REG_1);
      batch.put_u8(NFTA_EXTHDR_TYPE, IPPROTO_FRAGMENT);
      batch.put_be32(NFTA_EXTHDR_OFFSET, 0);
      batch.put_be32(NFTA_EXTHDR_LEN, 1);
      batch.put_be32(NFTA_EXTHDR_FLAGS, NFT_EXTHDR_F_PRESENT);
    });
  });
  return compare(NFT_CMP_EQ, {1});
}

Rule& Rule::mark(uint32_t mask, uint32_t value, bool equal) {
  return meta(NFT_META_MARK).masked(raw_bytes(mask)).compare(comparison(equal), raw_bytes(value));
}

Rule& Rule::address(const Prefix& prefix, uint32_t v4_offset, uint32_t v6_offset) {
  family(prefix.family);
  if (prefix.length == 0) return *this;
  auto width = static_cast<uint32_t>(prefix.width());
  payload(NFT_PAYLOAD_NETWORK_HEADER, prefix.family == AF_INET ? v4_offset : v6_offset, width);
  auto mask = prefix.mask();
  if (prefix.length < width * 8) masked({mask.begin(), mask.begin() + width});
  return compare(NFT_CMP_EQ, {prefix.address.begin(), prefix.address.begin() + width});
}

Rule& Rule::source(const Prefix& prefix) { return address(prefix, 12, 8); }
Rule& Rule::destination(const Prefix& prefix) { return address(prefix, 16, 24); }

Rule& Rule::source_port(uint16_t first, uint16_t last) {
  return within(NFT_PAYLOAD_TRANSPORT_HEADER, 0, raw_bytes(htons(first)), raw_bytes(htons(last)));
}
Rule& Rule::destination_port(uint16_t first, uint16_t last) {
  return within(NFT_PAYLOAD_TRANSPORT_HEADER, 2, raw_bytes(htons(first)), raw_bytes(htons(last)));
}
Rule& Rule::icmp_type(uint8_t first, uint8_t last) { return within(NFT_PAYLOAD_TRANSPORT_HEADER, 0, {first}, {last}); }
Rule& Rule::icmp_code(uint8_t code) { return within(NFT_PAYLOAD_TRANSPORT_HEADER, 1, {code}, {code}); }

Rule& Rule::tcp_flag(uint8_t flag) {
  return payload(NFT_PAYLOAD_TRANSPORT_HEADER, kTcpFlags, 1).masked({flag}).compare(NFT_CMP_EQ, {flag});
}

Rule& Rule::cgroup(uint32_t level, uint64_t id) {
  add([level](MessageBatch& batch, QueueStyle) {
    expression(batch, "socket", [&] {
      batch.put_be32(NFTA_SOCKET_KEY, NFT_SOCKET_CGROUPV2);
      batch.put_be32(NFTA_SOCKET_DREG, NFT_REG_1);
      batch.put_be32(NFTA_SOCKET_LEVEL, level);
    });
  });
  return compare(NFT_CMP_EQ, raw_bytes(id));
}

Rule& Rule::random(double share) {
  // The kernel compares bytes in the order of memory, and random ones are as random in any order.
  auto below = static_cast<uint32_t>(std::lround(share * 0x1p32 - 0.5));
  return meta(NFT_META_PRANDOM).compare(NFT_CMP_LT, raw_bytes(htonl(below)));
}

const char* name_of(AddressSet set, int family) {
  bool meant = set == AddressSet::kMeant;
  return family == AF_INET ? (meant ? "meant4" : "spared4") : (meant ? "meant6" : "spared6");
}

Rule& Rule::address_in(AddressSet set, int version, uint32_t v4_offset, uint32_t v6_offset) {
  bool v4 = version == AF_INET;
  family(version).payload(NFT_PAYLOAD_NETWORK_HEADER, v4 ? v4_offset : v6_offset, v4 ? 4 : 16);
  return look_up(name_of(set, version));
}

Rule& Rule::source_in(AddressSet set, int family) { return address_in(set, family, 12, 8); }
Rule& Rule::destination_in(AddressSet set, int family) { return address_in(set, family, 16, 24); }

Rule& Rule::in_set(const char* set) { return meta(NFT_META_NFPROTO).look_up(set); }

Rule& Rule::look_up(const char* set) {
  return add([set](MessageBatch& batch, QueueStyle) {
    expression(batch, "lookup", [&] {
      batch.put_text(NFTA_LOOKUP_SET, set);
      batch.put_be32(NFTA_LOOKUP_SREG, NFT_REG_1);
    });
  });
}

Rule& Rule::withdrawable() { return in_set(kWithdrawableSet); }

Rule& Rule::whole_packets() {
  return add([](MessageBatch& batch, QueueStyle) {
    expression(batch, "immediate", [&] {
      batch.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
      put_value(batch, NFTA_IMMEDIATE_DATA, raw_bytes(htons(1)));
    });
    expression(batch, "tproxy", [&] {
      batch.put_be32(NFTA_TPROXY_FAMILY, NFPROTO_UNSPEC);
      batch.put_be32(NFTA_TPROXY_REG_PORT, NFT_REG_1);
    });
  });
}

Rule& Rule::counter() {
  return add([](MessageBatch& batch, QueueStyle) { expression(batch, "counter", [] {}); });
}

Rule& Rule::verdict(int32_t code, const std::string& chain) {
  return add([code, chain](MessageBatch& batch, QueueStyle) {
    expression(batch, "immediate", [&] {
      batch.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      batch.nest(NFTA_IMMEDIATE_DATA, [&] {
        batch.nest(NFTA_DATA_VERDICT, [&] {
          batch.put_be32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
          if (!chain.empty()) batch.put_text(NFTA_VERDICT_CHAIN, chain);
        });
      });
    });
  });
}

Rule& Rule::accept() { return verdict(NF_ACCEPT); }
Rule& Rule::drop() { return verdict(NF_DROP); }
Rule& Rule::refuse(Refusal refusal) {
  return add([refusal](MessageBatch& batch, QueueStyle) {
    expression(batch, "reject", [&] {
      bool reset = refusal == Refusal::kTcpReset;
      batch.put_be32(NFTA_REJECT_TYPE, reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
      if (!reset) batch.put_u8(NFTA_REJECT_ICMP_CODE, NFT_REJECT_ICMPX_HOST_UNREACH);
    });
  });
}
Rule& Rule::leave() { return verdict(NFT_RETURN); }
Rule& Rule::jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }

Rule& Rule::queue(uint16_t number) {
  return add([number](MessageBatch& batch, QueueStyle style) {
    (style == QueueStyle::kNative ? native_queue : xt_queue)(batch, number);
  });
}

}  // namespace ordeal::sys
