#include "platform/sys/network/packet.h"

#include <arpa/inet.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::sys {

Result<Prefix> Prefix::parse(std::string_view text) {
  auto refuse = [&](const char* why) {
    return fail(Errc::kInvalidInput, "'" + std::string(text) + "' is not an address or a prefix: " + why,
                "write 10.1.2.3, 10.0.0.0/8 or fd00::/8");
  };
  size_t slash = text.find('/');
  std::string address(text.substr(0, slash));
  Prefix prefix;
  prefix.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(prefix.family, address.c_str(), prefix.address.data()) != 1) return refuse("bad address");
  unsigned bits = static_cast<unsigned>(prefix.width()) * 8;
  unsigned length = bits;
  if (slash != std::string_view::npos) {
    auto number = parse_number<unsigned>(text.substr(slash + 1));
    if (!number || *number > bits) return refuse("bad length");
    length = *number;
  }
  prefix.length = static_cast<uint8_t>(length);
  auto mask = prefix.mask();
  for (size_t i = 0; i < mask.size(); ++i) prefix.address[i] &= mask[i];
  return prefix;
}

size_t Prefix::width() const { return family == AF_INET ? 4 : 16; }

std::string Prefix::to_text() const {
  char text[INET6_ADDRSTRLEN] = "?";
  ::inet_ntop(family, address.data(), text, sizeof text);
  if (length == width() * 8) return text;
  return std::string(text) + "/" + std::to_string(length);
}

std::array<uint8_t, 16> Prefix::mask() const {
  std::array<uint8_t, 16> mask{};
  for (unsigned bit = 0; bit < length; ++bit) mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | (0x80 >> bit % 8));
  return mask;
}

std::optional<IpHeader> parse_ip(std::span<const uint8_t> packet) {
  struct Layout {
    int family;
    size_t least, protocol, source, width;
  };
  constexpr Layout kV4{AF_INET, 20, 9, 12, 4};
  constexpr Layout kV6{AF_INET6, 40, 6, 8, 16};
  if (packet.empty()) return std::nullopt;
  int version = packet[0] >> 4;
  if (version != 4 && version != 6) return std::nullopt;
  const Layout& layout = version == 4 ? kV4 : kV6;
  if (packet.size() < layout.least) return std::nullopt;
  IpHeader header;
  header.family = layout.family;
  header.protocol = packet[layout.protocol];
  auto source = packet.begin() + static_cast<std::ptrdiff_t>(layout.source);
  auto width = static_cast<std::ptrdiff_t>(layout.width);
  std::copy(source, source + width, header.source.begin());
  std::copy(source + width, source + 2 * width, header.destination.begin());
  return header;
}

}  // namespace ordeal::sys
