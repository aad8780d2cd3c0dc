#include "fault/packets/dns/datagram.h"

#include <netinet/in.h>

#include <algorithm>

namespace ordeal::packets::dns {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kIpv6Header = 40, kUdpHeader = 8, kTcpHeader = 20;
constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4;

size_t field_at(Bytes bytes, size_t at) { return static_cast<size_t>(bytes[at] << 8 | bytes[at + 1]); }

void write_at(std::span<uint8_t> bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

struct Addresses {
  size_t at;      // of the source; the destination follows
  size_t length;  // of each
};
Addresses addresses_in(int family) { return family == AF_INET ? Addresses{12, 4} : Addresses{8, 16}; }

std::optional<Transport> ipv4_of(Bytes packet) {
  size_t header = size_t{4} * (packet[0] & 15u);
  bool fragment = (field_at(packet, 6) & 0x3fff) != 0;
  if (header < 20 || fragment) return std::nullopt;
  return Transport{.family = AF_INET, .protocol = packet[9], .at = header, .end = field_at(packet, 2)};
}

std::optional<Transport> ip_of(Bytes packet) {
  if (packet.size() >= 20 && packet[0] >> 4 == 4) return ipv4_of(packet);
  if (packet.size() < kIpv6Header || packet[0] >> 4 != 6) return std::nullopt;
  size_t end = kIpv6Header + field_at(packet, 4);
  return Transport{.family = AF_INET6, .protocol = packet[6], .at = kIpv6Header, .end = end};
}

void read_tcp(Bytes packet, Transport& transport) {
  Bytes header = packet.subspan(transport.at);
  transport.payload = transport.at + size_t{4} * (header[12] >> 4);
  transport.sequence = static_cast<uint32_t>(field_at(header, 4) << 16 | field_at(header, 6));
  transport.begins = header[13] & kSyn;
  transport.ends = header[13] & (kFin | kRst);
}

uint64_t sum_of(Bytes bytes) {
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += field_at(bytes, i);
  if (bytes.size() % 2) sum += static_cast<uint64_t>(bytes.back()) << 8;
  return sum;
}

void write_lengths(std::vector<uint8_t>& packet, int family, size_t header, size_t udp) {
  if (family == AF_INET)
    write_at(packet, 2, header + udp);
  else
    write_at(packet, 4, udp);
  write_at(packet, header + 4, udp);
}

}  // namespace

std::optional<Transport> transport_of(Bytes packet) {
  auto transport = ip_of(packet);
  if (!transport || transport->end > packet.size()) return std::nullopt;
  bool udp = transport->protocol == IPPROTO_UDP, tcp = transport->protocol == IPPROTO_TCP;
  if (!udp && !tcp) return std::nullopt;
  if (transport->at + (udp ? kUdpHeader : kTcpHeader) > transport->end) return std::nullopt;
  transport->payload = transport->at + kUdpHeader;
  if (tcp) read_tcp(packet, *transport);
  if (transport->payload > transport->end) return std::nullopt;
  return transport;
}

std::string connection_of(Bytes packet, const Transport& transport) {
  auto [at, length] = addresses_in(transport.family);
  auto text = [&](size_t from, size_t size) {
    return std::string(reinterpret_cast<const char*>(packet.data()) + from, size);
  };
  return text(at, 2 * length) + text(transport.at, 4);
}

std::vector<uint8_t> answer_packet(Bytes packet, const Transport& transport, Bytes payload) {
  auto [at, length] = addresses_in(transport.family);
  size_t header = transport.family == AF_INET ? 20 : kIpv6Header;
  std::vector<uint8_t> out(header + kUdpHeader, 0);
  out[0] = transport.family == AF_INET ? 0x45 : 0x60;
  constexpr uint8_t kHops = 64;
  out[transport.family == AF_INET ? 8 : 7] = kHops;
  out[transport.family == AF_INET ? 9 : 6] = IPPROTO_UDP;
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(at + length), length, &out[at]);
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(at), length, &out[at + length]);
  write_at(out, header, field_at(packet, transport.at + 2));
  write_at(out, header + 2, field_at(packet, transport.at));
  out.insert(out.end(), payload.begin(), payload.end());
  write_lengths(out, transport.family, header, kUdpHeader + payload.size());
  if (auto made = transport_of(out)) seal(out, *made);
  return out;
}

void seal(std::span<uint8_t> packet, const Transport& transport) {
  bool udp = transport.protocol == IPPROTO_UDP;
  size_t checksum = transport.at + (udp ? 6 : 16);
  write_at(packet, checksum, 0);
  auto [at, length] = addresses_in(transport.family);
  Bytes bytes(packet);
  uint64_t sum = sum_of(bytes.subspan(at, 2 * length)) + transport.protocol + (transport.end - transport.at) +
                 sum_of(bytes.subspan(transport.at, transport.end - transport.at));
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  auto folded = static_cast<uint16_t>(~sum);
  write_at(packet, checksum, udp && folded == 0 ? 0xffff : folded);
}

}  // namespace ordeal::packets::dns
