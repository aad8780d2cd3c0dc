#include "session/exemptions.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "session/prepare.h"

namespace ordeal::session {
namespace {

struct Place {
  std::string host, port;
};

// "http://[fe80::1]:8000/metrics" to its host and port.
Place place_of(const std::string& url) {
  size_t start = url.find("://");
  bool tls = url.starts_with("https");
  std::string rest = url.substr(start == std::string::npos ? 0 : start + 3);
  rest = rest.substr(0, rest.find('/'));
  size_t colon = rest.rfind(':');
  if (colon == std::string::npos || rest.ends_with(']')) return {rest, tls ? "443" : "80"};
  return {rest.substr(0, colon), rest.substr(colon + 1)};
}

std::string bare(const std::string& host) {
  return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

std::string text_of(const sockaddr* address, socklen_t length) {
  char host[NI_MAXHOST] = {};
  ::getnameinfo(address, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

// The address that our connections to `there` leave from; "" when there is no route.
std::string source_towards(const addrinfo& there) {
  UniqueFd fd(::socket(there.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage here{};
  socklen_t length = sizeof here;
  if (!fd || ::connect(fd.get(), there.ai_addr, there.ai_addrlen) < 0) return "";
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&here), &length) < 0) return "";
  return text_of(reinterpret_cast<sockaddr*>(&here), length);
}

Result<> add(const std::string& url, const std::string& why, std::vector<packets::Exemption>& all) {
  Place place = place_of(url);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = ::getaddrinfo(bare(place.host).c_str(), place.port.c_str(), &hints, &found);
  if (error != 0)
    return fail(Errc::kInvalidInput,
                fmt::format("cannot look up {} of {}: {}", place.host, without_password(url), ::gai_strerror(error)));
  for (const addrinfo* a = found; a; a = a->ai_next)
    all.push_back({source_towards(*a), text_of(a->ai_addr, a->ai_addrlen), kWatcherFirstPort,
                   static_cast<uint16_t>(kWatcherFirstPort + kWatcherPorts - 1),
                   static_cast<uint16_t>(std::stoi(place.port)), why});
  ::freeaddrinfo(found);
  return {};
}

}  // namespace

Result<std::vector<packets::Exemption>> exemptions_for(const Sources& sources) {
  std::vector<packets::Exemption> all;
  for (const ScrapeTarget& target : sources.scrape)
    TRY_VOID(add(target.url, "scraping " + without_password(target.url), all));
  if (!sources.prometheus.empty())
    TRY_VOID(add(sources.prometheus, "queries to " + without_password(sources.prometheus), all));
  return all;
}

}  // namespace ordeal::session
