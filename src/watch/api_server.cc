#include "watch/api_server.h"

#include "base/text.h"

namespace ordeal::watch {
namespace {

constexpr std::string_view kAbout =
    "Ordeal answers PromQL here, over Prometheus' HTTP API:\n"
    "  /api/v1/query?query=up\n"
    "  /api/v1/query_range?query=up&start=...&end=...&step=1s\n"
    "  /api/v1/series, labels, label/NAME/values, metadata, status/buildinfo\n"
    "In Grafana, add this address as a data source of the type Prometheus.\n";

net::HttpResponse json(promapi::Answer answer) {
  return {answer.status, std::move(answer.body), "application/json", {}};
}

net::HttpResponse respond(const promapi::Api& api, const net::HttpRequest& request, int64_t now_ms) {
  bool post = request.method == "POST";
  if (!post && request.method != "GET") return {405, "only GET and POST\n", "text/plain; charset=utf-8", {}};
  if (request.path == "/") return {200, std::string(kAbout), "text/plain; charset=utf-8", {}};
  if (request.path == "/-/ready" || request.path == "/-/healthy")
    return {200, "Ordeal is ready.\n", "text/plain; charset=utf-8", {}};
  promapi::Parameters parameters = parse_form(request.query);
  if (post)
    for (auto& parameter : parse_form(request.body)) parameters.push_back(std::move(parameter));
  return json(api.answer(request.path, parameters, now_ms));
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

Result<std::unique_ptr<net::HttpServer>> serve_api(net::Loop& loop, net::HttpServerOptions options,
                                                   const promapi::Api& api, std::function<int64_t()> now_ms) {
  auto handler = [&api, now_ms = std::move(now_ms)](const net::HttpRequest& request) -> net::Task<net::HttpResponse> {
    co_return respond(api, request, now_ms());
  };
  return net::HttpServer::listen(loop, std::move(options), handler);
}

}  // namespace ordeal::watch
