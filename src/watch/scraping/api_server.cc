#include "watch/scraping/api_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "core/base/text/text.h"
#include "platform/net/local_host.h"
#include "prometheus/metrics/exposition.h"

namespace ordeal::watch {
namespace {

constexpr std::string_view kAbout =
    "Ordeal answers PromQL here, over Prometheus' HTTP API:\n"
    "  /api/v1/query?query=up\n"
    "  /api/v1/query_range?query=up&start=...&end=...&step=1s\n"
    "  /api/v1/series, labels, label/NAME/values, metadata, status/buildinfo\n"
    "In Grafana, add this address as a data source of the type Prometheus.\n";

constexpr size_t kLeastToken = 16;

net::HttpResponse text(int status, std::string body) {
  return {status, std::move(body), "text/plain; charset=utf-8", {}};
}

// In a time that does not tell how much of it was right.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned char differs = a.size() != b.size();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) differs |= static_cast<unsigned char>(a[i] ^ b[i]);
  return differs == 0;
}

bool may_ask(const ApiServerOptions& options, const net::HttpRequest& request) {
  const std::string* credentials = net::find_header(request.headers, "Authorization");
  return options.token.empty() || (credentials && same_secret(*credentials, "Bearer " + options.token));
}

// Without an answer it is a question to the API.
std::optional<net::HttpResponse> plain_answer(const ApiServerOptions& options, const net::HttpRequest& request) {
  if (!may_ask(options, request))
    return net::HttpResponse{401, "a bearer token is needed\n", "text/plain", {{"WWW-Authenticate", "Bearer"}}};
  if (request.method != "POST" && request.method != "GET") return text(405, "only GET and POST\n");
  if (request.path == "/") return text(200, std::string(kAbout));
  if (request.path == "/-/ready" || request.path == "/-/healthy") return text(200, "Ordeal is ready.\n");
  if (request.path == "/metrics" && options.metrics)
    return net::HttpResponse{200, options.metrics(), std::string(metrics::kTextContentType), {}};
  return std::nullopt;
}

promapi::Parameters parameters_of(const net::HttpRequest& request) {
  promapi::Parameters parameters = parse_form(request.query);
  if (request.method == "POST")
    for (auto& parameter : parse_form(request.body)) parameters.push_back(std::move(parameter));
  return parameters;
}

}  // namespace

promapi::Parameters parse_form(std::string_view text) {
  promapi::Parameters parameters;
  for (std::string_view part : split(text, '&')) {
    if (part.empty()) continue;
    size_t equals = std::min(part.find('='), part.size());
    std::string_view value = equals < part.size() ? part.substr(equals + 1) : std::string_view();
    parameters.emplace_back(net::percent_decode(part.substr(0, equals)), net::percent_decode(value));
  }
  return parameters;
}

Result<ApiServerOptions> api_server_options(std::string_view listen, std::string token) {
  ApiServerOptions options;
  std::tie(options.http.address, options.http.port) = TRY(net::parse_listen_address(listen));
  options.token = std::move(token);
  if (options.token.empty() && !net::is_loopback(options.http.address))
    return fail(Errc::kInvalidInput, fmt::format("{} can be reached from other machines, and needs a token", listen),
                "Give --token-file FILE, or listen on 127.0.0.1.");
  if (!options.token.empty() && options.token.size() < kLeastToken)
    return fail(Errc::kInvalidInput,
                fmt::format("the token has {} characters, expected at least {}", options.token.size(), kLeastToken));
  return options;
}

Result<std::unique_ptr<net::HttpServer>> serve_api(net::Loop& loop, const ApiServerOptions& options,
                                                   Answerer answerer) {
  auto handler = [options,
                  answerer = std::move(answerer)](const net::HttpRequest& request) -> net::Task<net::HttpResponse> {
    if (auto plain = plain_answer(options, request)) co_return std::move(*plain);
    promapi::Parameters parameters = parameters_of(request);
    promapi::Answer answer = co_await answerer(request.path, std::move(parameters));
    co_return net::HttpResponse{answer.status, std::move(answer.body), "application/json", {}};
  };
  auto server = net::HttpServer::listen(loop, options.http, handler);
  if (server) return server;
  return fail(Errc::kInvalidInput, server.error().message(), "Give another port; port 0 is any that is free.");
}

}  // namespace ordeal::watch
