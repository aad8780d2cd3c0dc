#include "platform/net/local_host.h"

#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "core/base/text/url.h"

namespace ordeal::net {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The server of a URL that names nothing else.
bool is_ours(std::string_view origin) {
  auto url = parse_url(origin);
  return url && url->user.empty() && url->rest.empty() && (same_word(url->host, "localhost") || is_loopback(url->host));
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
      if (!is_ours(fmt::format("http://{}", value)))
        return HttpResponse{421, "only requests for localhost and loopback addresses are answered here\n"};
    }
    if (same_word(name, "Origin") && !is_ours(value))
      return HttpResponse{403, "requests from pages of other sites are not answered here\n"};
  }
  return std::nullopt;
}

}  // namespace ordeal::net
