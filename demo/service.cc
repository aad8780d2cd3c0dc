#include "service.h"

#include <fmt/core.h>

namespace ordeal::demo {

const std::vector<double>& latency_bounds() {
  static const std::vector<double> kBounds{.005, .01, .025, .05, .1, .2, .3, .4, .5, .6, .75, 1, 1.25, 1.5, 2.5, 5, 10};
  return kBounds;
}

void record_request(metrics::Registry& registry, const std::string& route, const std::string& status, Nanos took) {
  registry.counter("http_requests_total", "Requests answered.", {{"route", route}, {"status", status}}).add();
  registry.histogram("http_request_duration_seconds", "Time to answer a request.", latency_bounds(), {{"route", route}})
      .observe(to_seconds(took));
}

net::HttpResponse json_response(int status, std::string body) {
  return {status, std::move(body), "application/json", {}};
}

int report(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message());
  if (!error.advice().empty()) fmt::print(stderr, "{}\n", error.advice());
  return 1;
}

void Service::route(const std::string& method_and_path, net::Handler handler) {
  routes_[method_and_path] = std::move(handler);
}

net::Task<net::HttpResponse> Service::answer(const net::HttpRequest& request) {
  if (request.path == "/healthz") co_return net::HttpResponse{200, "ok\n"};
  if (request.path == "/metrics") {
    co_return net::HttpResponse{200, registry_.exposition() + more_(), std::string(metrics::kTextContentType), {}};
  }
  BootTime start = boot_now();
  auto found = routes_.find(request.method + " " + request.path);
  if (found == routes_.end()) {
    record_request(registry_, "other", "404", boot_now() - start);
    co_return net::HttpResponse{404, "not found\n"};
  }
  net::HttpResponse response = co_await found->second(request);
  record_request(registry_, request.path, std::to_string(response.status), boot_now() - start);
  co_return response;
}

int Service::run(const std::string& listen, std::function<void()> on_stop) {
  auto address = net::parse_listen_address(listen);
  if (!address) return report(address.error());
  net::HttpServerOptions options;
  options.address = address->first;
  options.port = address->second;
  // Longer than the load balancer keeps an idle one (demo/haproxy.cfg): else it sends a request to one that is closing.
  options.idle_timeout = 10min;
  auto server = net::HttpServer::listen(loop_, options, [this](const net::HttpRequest& r) { return answer(r); });
  if (!server) return report(server.error());
  loop_.on_terminate([&] {
    if (on_stop) on_stop();
    (*server)->stop();
  });
  fmt::print("listening on {}:{}\n", address->first, (*server)->port());
  std::fflush(stdout);
  loop_.run();
  return 0;
}

}  // namespace ordeal::demo
