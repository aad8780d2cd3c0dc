// Who may ask a server that listens on loopback. A page of another site can make a browser ask it, under a name that
// resolves to 127.0.0.1 (DNS rebinding) or with its own origin: such a request is refused before any handler sees it.
// A request without Host comes from no browser.
#pragma once

#include <optional>
#include <string_view>

#include "platform/net/http_server.h"

namespace ordeal::net {

// Of an IP address.
bool is_loopback(std::string_view address);
// The refusal: 400 for two Hosts, 421 for a Host that does not name this machine's loopback (localhost, 127.0.0.0/8,
// [::1], any port), 403 for an Origin that does not. Nothing on other `address`es, where credentials decide.
std::optional<HttpResponse> refuse_foreign(const HttpRequest& request, std::string_view address);

}  // namespace ordeal::net
