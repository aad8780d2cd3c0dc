#include "platform/net/local_host.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cctype>

namespace ordeal::net {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// "name", "name:80", "[::1]:80"; nothing where it is none of these.
std::optional<std::string_view> host_of(std::string_view authority) {
  bool bracketed = authority.starts_with('[');
  size_t end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && end == std::string_view::npos) return std::nullopt;
  std::string_view host = bracketed ? authority.substr(1, end - 1) : authority.substr(0, end);
  std::string_view rest = bracketed ? authority.substr(end + 1) : authority.substr(host.size());
  if (rest.empty()) return host;
  bool digits = std::all_of(rest.begin() + 1, rest.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (rest.front() != ':' || !digits) return std::nullopt;
  return host;
}

bool is_ours(std::string_view authority) {
  auto host = host_of(authority);
  return host && (same_word(*host, "localhost") || is_loopback(*host));
}

bool is_our_origin(std::string_view origin) {
  size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && is_ours(origin.substr(scheme + 3));
}

}  // namespace

bool is_loopback(std::string_view address) {
  std::string text(address);
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  return ::inet_pton(AF_INET6, text.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::optional<HttpResponse> refuse_foreign(const HttpRequest& request, std::string_view address) {
  if (!is_loopback(address)) return std::nullopt;
  size_t hosts = 0;
  for (const auto& [name, value] : request.headers) {
    if (same_word(name, "Host")) {
      if (++hosts > 1) return HttpResponse{400, "more than one Host\n"};
      if (!is_ours(value)) return HttpResponse{421, "only localhost and loopback addresses are answered here\n"};
    }
    if (same_word(name, "Origin") && !is_our_origin(value))
      return HttpResponse{403, "pages of other sites are not answered here\n"};
  }
  return std::nullopt;
}

}  // namespace ordeal::net
