// Serves Prometheus' HTTP API over a storage (promapi/api.h), and /metrics. GET and POST, as Grafana and promtool ask;
// `/` says in plain text what answers here, /-/ready and /-/healthy say 200. It reads only: what is scraped is shown to
// whoever may ask, which is everybody on loopback, and elsewhere those who send "Authorization: Bearer TOKEN".
#pragma once

#include <functional>
#include <memory>

#include "platform/net/http_server.h"
#include "prometheus/promapi/api.h"

namespace ordeal::watch {

struct ApiServerOptions {
  net::HttpServerOptions http;
  std::string token;                     // "" asks for none
  std::function<std::string()> metrics;  // the page /metrics; without it 404
};

// From "ADDRESS:PORT". An address off loopback needs a token (at least 16 characters): kInvalidInput.
Result<ApiServerOptions> api_server_options(std::string_view listen, std::string token);

// What /api/v1 says; called on the loop's thread. An address that is taken is kInvalidInput.
using Answerer = std::function<net::Task<promapi::Answer>(std::string path, promapi::Parameters parameters)>;
Result<std::unique_ptr<net::HttpServer>> serve_api(net::Loop& loop, const ApiServerOptions& options, Answerer answerer);

// "a=1&b=x%20y" decoded.
promapi::Parameters parse_form(std::string_view text);

}  // namespace ordeal::watch
