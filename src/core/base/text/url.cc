#include "core/base/text/url.h"

#include "core/base/text/text.h"

namespace ordeal {

std::optional<Url> parse_url(std::string_view text) {
  size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = text.substr(0, scheme);
  std::string_view after = text.substr(scheme + 3);
  size_t end = std::min(after.find_first_of("/?#"), after.size());
  url.rest = after.substr(end);
  url.place = after.substr(0, end);
  if (size_t at = url.place.rfind('@'); at != std::string_view::npos) {
    url.user = url.place.substr(0, at);
    url.place.remove_prefix(at + 1);
  }
  url.host = url.place;
  size_t colon = url.host.rfind(':');
  if (colon != std::string_view::npos && !url.host.ends_with(']')) {
    url.port = parse_number<uint16_t>(url.host.substr(colon + 1));
    if (url.port.value_or(0) == 0) return std::nullopt;
    url.host = url.host.substr(0, colon);
  }
  if (url.host.starts_with('[') && url.host.ends_with(']')) url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty()) return std::nullopt;
  return url;
}

uint16_t port_of(const Url& url) { return url.port.value_or(url.scheme == "https" ? 443 : 80); }

}  // namespace ordeal
