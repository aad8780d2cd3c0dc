#include "run/session/exemptions.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>

#include "core/base/io/unique_fd.h"
#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "run/session/prepare.h"

namespace ordeal::session {
namespace {

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
  auto parts = parse_url(url);
  if (!parts) return fail(Errc::kInvalidInput, fmt::format("{} is no URL", without_password(url)));
  std::string host(parts->host);
  uint16_t port = port_of(*parts);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0)
    return fail(Errc::kInvalidInput,
                fmt::format("cannot look up {} of {}: {}", host, without_password(url), ::gai_strerror(error)));
  for (const addrinfo* a = found; a; a = a->ai_next)
    all.push_back({source_towards(*a), text_of(a->ai_addr, a->ai_addrlen), kWatcherFirstPort,
                   static_cast<uint16_t>(kWatcherFirstPort + kWatcherPorts - 1), port, why});
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
