// net_echo ADDRESS PORT: sends back every UDP datagram and every byte of a TCP connection. Prints "ready" and runs
// until its parent dies or it gets SIGTERM. A tool for measuring, with no load generator's politeness.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

constexpr size_t kBatch = 64;
constexpr size_t kDatagram = 65536;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<Address> parse_address(const char* text, uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
  } else {
    return fail(Errc::kInvalidInput, std::string("not an address: ") + text);
  }
  return address;
}

Result<UniqueFd> open_bound(int type, const Address& address) {
  UniqueFd fd(::socket(address.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int on = 1, buffer = 8 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0)
    return fail_errno("cannot bind");
  if (type == SOCK_STREAM && ::listen(fd.get(), 1024) != 0) return fail_errno("cannot listen");
  return fd;
}

class UdpEcho {
 public:
  UdpEcho() : buffer_(kBatch * kDatagram), peers_(kBatch) {}

  void serve(int fd) {
    for (size_t i = 0; i < kBatch; ++i) {
      slots_[i] = {&buffer_[i * kDatagram], kDatagram};
      messages_[i].msg_hdr = {};
      messages_[i].msg_hdr.msg_iov = &slots_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = &peers_[i];
      messages_[i].msg_hdr.msg_namelen = sizeof peers_[i];
    }
    int count = ::recvmmsg(fd, messages_.data(), kBatch, 0, nullptr);
    for (int i = 0; i < count; ++i) slots_[static_cast<size_t>(i)].iov_len = messages_[static_cast<size_t>(i)].msg_len;
    if (count > 0) ::sendmmsg(fd, messages_.data(), static_cast<unsigned>(count), 0);
  }

 private:
  std::vector<uint8_t> buffer_;
  std::vector<sockaddr_storage> peers_;
  std::array<mmsghdr, kBatch> messages_{};
  std::array<iovec, kBatch> slots_{};
};

// False when the connection has ended. A peer that does not read is cut off: the tool has no queue.
bool serve_connection(int fd) {
  std::array<char, 65536> buffer;
  ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  return size > 0 && ::send(fd, buffer.data(), static_cast<size_t>(size), MSG_NOSIGNAL) == size;
}

void accept_all(int listener, std::vector<UniqueFd>& connections) {
  for (;;) {
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections.push_back(std::move(fd));
  }
}

Result<> serve(const char* text, uint16_t port) {
  Address address = TRY(parse_address(text, port));
  UniqueFd udp = TRY(open_bound(SOCK_DGRAM, address));
  UniqueFd tcp = TRY(open_bound(SOCK_STREAM, address));
  std::puts("ready");
  std::fflush(stdout);
  UdpEcho echo;
  std::vector<UniqueFd> connections;
  for (;;) {
    std::vector<pollfd> polled{{udp.get(), POLLIN, 0}, {tcp.get(), POLLIN, 0}};
    for (const UniqueFd& connection : connections) polled.push_back({connection.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[0].revents) echo.serve(udp.get());
    std::vector<UniqueFd> living;
    for (size_t i = 0; i < connections.size(); ++i)
      if (!polled[i + 2].revents || serve_connection(connections[i].get())) living.push_back(std::move(connections[i]));
    connections = std::move(living);
    if (polled[1].revents) accept_all(tcp.get(), connections);
  }
}

}  // namespace
}  // namespace ordeal

int main(int argc, char** argv) {
  auto port = argc == 3 ? ordeal::parse_number<uint16_t>(argv[2]) : std::nullopt;
  if (!port) {
    std::fprintf(stderr, "usage: net_echo ADDRESS PORT\n");
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  auto served = ordeal::serve(argv[1], *port);
  std::fprintf(stderr, "net_echo: %s\n", served.error().message().c_str());
  return 7;
}
