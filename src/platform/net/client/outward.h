// Which addresses are beyond this host: not loopback, not its link (where a cloud's metadata answers), not "any", which
// connects to loopback. Also as an IPv4 address inside IPv6.
#pragma once

#include <sys/socket.h>

#include <string_view>

namespace ordeal::net {

bool is_outward(const sockaddr& address);
// Of a host as a URL has it. A name counts as outward, but for localhost: what it resolves to is not known here.
bool is_outward(std::string_view host);

}  // namespace ordeal::net
