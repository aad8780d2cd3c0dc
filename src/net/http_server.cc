#include "net/http_server.h"

#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <set>

#include "base/text.h"
#include "net/http_session.h"

namespace ordeal::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

namespace {

class TcpStream : public Stream {
 public:
  explicit TcpStream(tcp::socket socket)
      : socket_(std::move(socket)), timer_(socket_.get_executor(), asio::steady_timer::time_point::max()) {}

  Task<size_t> read_some(std::span<char> into) override {
    ErrorCode error;
    size_t got = co_await socket_.async_read_some(asio::buffer(into.data(), into.size()),
                                                  asio::redirect_error(asio::use_awaitable, error));
    co_return error ? 0 : got;
  }
  Task<bool> write(std::string_view bytes) override {
    ErrorCode error;
    co_await asio::async_write(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }
  void set_deadline(Nanos from_now) override { timer_.expires_after(from_now); }

  // Shuts the connection when the deadline passes; ends when close() was called.
  Task<> guard() {
    while (!closed_) {
      ErrorCode error;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (!error && timer_.expiry() <= std::chrono::steady_clock::now()) close();
    }
  }
  void close() {
    ErrorCode ignored;
    closed_ = true;
    timer_.cancel();
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
  asio::steady_timer timer_;
  bool closed_ = false;
};

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  TcpStream stream;
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
  std::set<std::shared_ptr<Connection>> connections;
  bool stopping = false;

  Task<> accept() {
    while (!stopping) {
      ErrorCode error;
      tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      // Out of descriptors, most likely: others will be closed.
      if (error && !stopping) co_await loop.sleep(50ms);
      if (error || connections.size() >= options.max_connections) continue;
      socket.set_option(tcp::no_delay(true), error);
      auto connection = std::make_shared<Connection>(std::move(socket));
      connections.insert(connection);
      loop.spawn([self = shared_from_this(), connection] { return self->serve(connection); });
      loop.spawn([connection] { return keep_deadline(connection); });
    }
  }
  static Task<> keep_deadline(std::shared_ptr<Connection> connection) { co_await connection->stream.guard(); }

  Task<> serve(std::shared_ptr<Connection> connection) {
    co_await serve_session(connection->stream, options, handler, connection->state);
    connection->stream.close();
    connections.erase(connection);
  }

  void stop() {
    ErrorCode ignored;
    stopping = true;
    acceptor.close(ignored);
    for (const auto& connection : connections) {
      connection->state.stopping = true;
      if (connection->state.idle) connection->stream.close();
    }
  }
};

HttpServer::HttpServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { state_->stop(); }
void HttpServer::stop() { state_->stop(); }

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
