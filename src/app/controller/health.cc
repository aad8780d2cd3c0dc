#include "app/controller/health.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "platform/net/http_server.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kHangsAfter = 10s;

Result<net::HttpServerOptions> options_of(const std::string& listen) {
  size_t colon = listen.rfind(':');
  auto port = colon == std::string::npos ? std::nullopt : parse_number<uint16_t>(listen.substr(colon + 1));
  if (!port || colon == 0)
    return fail(Errc::kInvalidInput, fmt::format("--listen: expected ADDRESS:PORT, found \"{}\"", listen));
  net::HttpServerOptions options;
  options.address = listen.substr(0, colon);
  options.port = *port;
  return options;
}

}  // namespace

struct Health::Server {
  net::Loop loop;
  std::unique_ptr<net::HttpServer> http;
};

Health::Health() : server_(std::make_unique<Server>()) {}

Result<std::unique_ptr<Health>> Health::create(const std::string& listen) {
  net::HttpServerOptions options = TRY(options_of(listen));
  std::unique_ptr<Health> health(new Health());
  Health* self = health.get();
  auto answer = [self](const net::HttpRequest& request) -> net::Task<net::HttpResponse> {
    bool turns = boot_now().time_since_epoch().count() - self->turned_.load() < kHangsAfter.count();
    bool good = request.path == "/readyz" ? turns && self->ready_.load() : turns;
    bool known = request.path == "/healthz" || request.path == "/readyz";
    net::HttpResponse response;
    response.status = !known ? 404 : good ? 200 : 503;
    response.body = !known ? "/healthz and /readyz answer here\n" : good ? "ok\n" : "not now\n";
    co_return response;
  };
  health->server_->http = TRY(net::HttpServer::listen(health->server_->loop, options, answer));
  health->thread_ = std::thread([self] { self->server_->loop.run(); });
  return health;
}

Health::~Health() {
  server_->loop.stop();
  if (thread_.joinable()) thread_.join();
}

void Health::turned(BootTime now, bool ready) {
  turned_.store(now.time_since_epoch().count());
  ready_.store(ready);
}

}  // namespace ordeal::controller
