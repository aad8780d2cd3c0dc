#include "platform/net/http_server.h"

#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "core/base/text/text.h"
#include "platform/net/server/session.h"

namespace ordeal::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

struct Client {
  explicit Client(std::unique_ptr<Connection> c) : connection(std::move(c)) {}
  std::unique_ptr<Connection> connection;
  SessionState state;
};

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(Loop& l, HttpServerOptions o, Handler h)
      : loop(l), options(std::move(o)), handler(std::move(h)), acceptor(l.context()) {}

  Loop& loop;
  HttpServerOptions options;
  Handler handler;
  tcp::acceptor acceptor;
  std::unique_ptr<TlsIdentity> identity;
  std::set<std::shared_ptr<Client>> clients;
  bool stopping = false;

  Task<> accept() {
    while (!stopping) {
      ErrorCode error;
      tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      // Out of descriptors, most likely: others will be closed.
      if (error && !stopping) co_await loop.sleep(50ms);
      if (error || stopping || clients.size() >= options.max_connections) continue;
      welcome(std::move(socket));
    }
  }
  void welcome(tcp::socket socket) {
    ErrorCode error;
    bool v6 = socket.local_endpoint(error).address().is_v6();
    int fd = error ? -1 : socket.release(error);
    if (error) return;
    auto connection = make_connection(loop, fd, v6, identity ? identity->context() : nullptr);
    auto client = std::make_shared<Client>(std::move(connection));
    clients.insert(client);
    loop.spawn([self = shared_from_this(), client] { return self->serve(client); });
    loop.spawn([client] { return keep_deadline(client); });
  }
  static Task<> keep_deadline(std::shared_ptr<Client> client) { co_await client->connection->keep_deadline(); }

  Task<> serve(std::shared_ptr<Client> client) {
    client->connection->set_deadline(options.request_timeout);
    bool welcome = co_await client->connection->handshake();
    if (welcome) co_await serve_session(*client->connection, options, handler, client->state);
    client->connection->close();
    clients.erase(client);
  }

  void stop() {
    ErrorCode ignored;
    stopping = true;
    acceptor.close(ignored);
    for (const auto& client : std::set(clients)) {
      client->state.stopping = true;
      if (client->state.idle) client->connection->close();
      if (client->state.on_stop) client->state.on_stop();
    }
  }
};

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { state_->stop(); }
void HttpServer::stop() { state_->stop(); }

const std::optional<Error>& HttpServer::tls_trouble() const {
  static const std::optional<Error> kNone;
  return state_->identity ? state_->identity->trouble() : kNone;
}

uint16_t HttpServer::port() const {
  ErrorCode ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(Loop& loop, HttpServerOptions options, Handler handler) {
  ErrorCode error;
  auto address = asio::ip::make_address(options.address, error);
  if (error) return fail(Errc::kInvalidInput, fmt::format("cannot listen on {}: not an IP address", options.address));
  tcp::endpoint endpoint(address, options.port);
  auto state = std::make_shared<State>(loop, std::move(options), std::move(handler));
  if (state->options.tls) state->identity = TRY(TlsIdentity::load(*state->options.tls));
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail_errno(fmt::format("cannot listen on {}:{}", endpoint.address().to_string(), endpoint.port()),
                      error.value());
  }
  loop.spawn([state] { return state->accept(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

Result<std::pair<std::string, uint16_t>> parse_listen_address(std::string_view text) {
  size_t colon = text.rfind(':');
  auto port = colon == std::string_view::npos ? std::nullopt : parse_number<uint16_t>(text.substr(colon + 1));
  if (!port) return fail(Errc::kInvalidInput, fmt::format("expected ADDRESS:PORT, found \"{}\"", text));
  std::string_view address = text.substr(0, colon);
  if (address.size() > 1 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  return std::pair{address.empty() ? std::string("127.0.0.1") : std::string(address), *port};
}

}  // namespace ordeal::net
