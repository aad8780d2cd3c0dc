// Service: what every program of the demo shop has in common: routes with their metrics (http_requests_total,
// http_request_duration_seconds), /metrics and /healthz, and an orderly end at SIGTERM.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "metrics/exposition.h"
#include "metrics/registry.h"
#include "net/http_server.h"

namespace ordeal::demo {

// Upper bounds in seconds of every latency histogram of the shop.
const std::vector<double>& latency_bounds();

void record_request(metrics::Registry& registry, const std::string& route, const std::string& status, Nanos took);

class Service {
 public:
  // Both must outlive the service.
  Service(net::Loop& loop, metrics::Registry& registry) : loop_(loop), registry_(registry) {}

  // "GET /products"; the path is also the label `route`.
  void route(const std::string& method_and_path, net::Handler handler);
  // What else /metrics says, in the same format.
  void also_export(std::function<std::string()> text) { more_ = std::move(text); }
  // Listens on "ADDRESS:PORT" and runs until SIGTERM or SIGINT; `on_stop` is then called first. The exit code.
  int run(const std::string& listen, std::function<void()> on_stop = {});

 private:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request);

  net::Loop& loop_;
  metrics::Registry& registry_;
  std::map<std::string, net::Handler> routes_;
  std::function<std::string()> more_ = [] { return std::string(); };
};

net::HttpResponse json_response(int status, std::string body);
// Prints "PROGRAM: message" and the hint to stderr; returns 1.
int report(const Error& error);

}  // namespace ordeal::demo
