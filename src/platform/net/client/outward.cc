#include "platform/net/client/outward.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string>

namespace ordeal::net {
namespace {

bool outward_four(in_addr address) {
  uint32_t bits = ntohl(address.s_addr);
  return bits >> 24 != 127 && bits >> 24 != 0 && bits >> 16 != 0xa9fe;
}

bool outward_six(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address)) {
    in_addr four{};
    std::memcpy(&four, address.s6_addr + 12, sizeof four);
    return outward_four(four);
  }
  return !IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_UNSPECIFIED(&address) && !IN6_IS_ADDR_LINKLOCAL(&address);
}

}  // namespace

bool is_outward(const sockaddr& address) {
  if (address.sa_family == AF_INET) return outward_four(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  return address.sa_family == AF_INET6 && outward_six(reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

bool is_outward(std::string_view host) {
  std::string text(host.substr(0, host.find('%')));
  in6_addr six{};
  if (::inet_pton(AF_INET6, text.c_str(), &six) == 1) return outward_six(six);
  in_addr four{};
  if (::inet_aton(text.c_str(), &four) == 1) return outward_four(four);  // 127.1 too
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text.ends_with('.')) text.pop_back();
  return text != "localhost" && !text.ends_with(".localhost");
}

}  // namespace ordeal::net
