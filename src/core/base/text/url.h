// The parts of an absolute URL, as views into its text: SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/…|?…|#…]. What follows
// the port is not checked: libcurl takes a query that RFC 3986 would have escaped, and so do we.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ordeal {

struct Url {
  std::string_view scheme;
  std::string_view user;   // with its password; "" without
  std::string_view host;   // an IPv6 address without its brackets
  std::string_view place;  // host and port as they are written, brackets included
  std::optional<uint16_t> port;
  std::string_view rest;  // path, query and fragment; "" when there is none
};

// Nothing where there is no "://", no host, or a port that is none (1..65535).
std::optional<Url> parse_url(std::string_view text);

// The port that is given, else the scheme's: 443 for https, 80.
uint16_t port_of(const Url& url);

}  // namespace ordeal
