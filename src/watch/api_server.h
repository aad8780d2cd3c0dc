// Serves Prometheus' HTTP API over a storage (promapi/api.h). GET and POST, as Grafana and promtool ask; `/` says in
// plain text what answers here, /-/ready and /-/healthy say 200. Loopback unless told otherwise, no credentials: what
// is scraped is shown to whoever reaches the port.
#pragma once

#include <functional>
#include <memory>

#include "net/http_server.h"
#include "promapi/api.h"

namespace ordeal::watch {

// `api` must outlive the server; `now_ms` is the wall clock in milliseconds since the Unix epoch.
Result<std::unique_ptr<net::HttpServer>> serve_api(net::Loop& loop, net::HttpServerOptions options,
                                                   const promapi::Api& api, std::function<int64_t()> now_ms);

// "a=1&b=x%20y" decoded.
promapi::Parameters parse_form(std::string_view text);

}  // namespace ordeal::watch
