#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "platform/net/server/stream.h"

namespace ordeal::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using TlsSocket = asio::ssl::stream<tcp::socket>;

namespace {

constexpr size_t kMostDropped = size_t{4} << 20;  // of what a peer sends after our end
constexpr int kMostUnsent = 256 << 10;            // bytes that the kernel holds and has not sent

template <typename Socket>
class SocketConnection : public Connection {
 public:
  explicit SocketConnection(Socket socket)
      : socket_(std::move(socket)), timer_(socket_.get_executor(), asio::steady_timer::time_point::max()) {}

  Task<bool> handshake() override {
    ErrorCode error;
    if constexpr (std::is_same_v<Socket, TlsSocket>)
      co_await socket_.async_handshake(TlsSocket::server, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }
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
  void set_deadline(Nanos from_now) override {
    if (from_now == kNoDeadline) {
      timer_.expires_at(asio::steady_timer::time_point::max());
    } else {
      timer_.expires_after(from_now);
    }
  }
  Task<> finish(bool drop) override {
    ErrorCode error;
    if constexpr (std::is_same_v<Socket, TlsSocket>) {
      co_await socket_.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    }
    socket_.lowest_layer().shutdown(tcp::socket::shutdown_send, error);
    if (drop) co_await drop_the_rest();
  }

  Task<> keep_deadline() override {
    while (!closed_) {
      ErrorCode error;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (!error && timer_.expiry() <= std::chrono::steady_clock::now()) close();
    }
  }
  void close() override {
    ErrorCode ignored;
    closed_ = true;
    timer_.cancel();
    socket_.lowest_layer().shutdown(tcp::socket::shutdown_both, ignored);
    socket_.lowest_layer().close(ignored);
  }

 private:
  // Below TLS: what comes now is for nobody.
  Task<> drop_the_rest() {
    std::array<char, 16384> chunk;
    size_t dropped = 0;
    ErrorCode error;
    while (!error && dropped < kMostDropped)
      dropped +=
          co_await below_tls().async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
  }
  tcp::socket& below_tls() {
    if constexpr (std::is_same_v<Socket, TlsSocket>) {
      return socket_.next_layer();
    } else {
      return socket_;
    }
  }

  Socket socket_;
  asio::steady_timer timer_;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Connection> make_connection(Loop& loop, int fd, bool v6, ssl_ctx_st* tls) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kMostUnsent, sizeof kMostUnsent);
  tcp::socket socket(loop.context(), v6 ? tcp::v6() : tcp::v4(), fd);
  if (!tls) return std::make_unique<SocketConnection<tcp::socket>>(std::move(socket));
  return std::make_unique<SocketConnection<TlsSocket>>(TlsSocket(std::move(socket), SSL_new(tls)));
}

}  // namespace ordeal::net
