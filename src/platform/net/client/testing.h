// For tests of transfers: a client that is driven, a peer that behaves as a test wants. Not for programs.
#pragma once

#include <arpa/inet.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "core/base/io/unique_fd.h"
#include "platform/net/http_client.h"

namespace ordeal::net {

// What is allocated now, in bytes.
inline size_t allocated() {
  auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// False when `done` has not come true after `within`.
inline bool drive(HttpClient& client, const std::function<bool()>& done, Nanos within = 100s) {
  BootTime until = boot_now() + within;
  while (!done() && boot_now() < until) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    poll(&wait, 1, 1);
    client.dispatch();
  }
  return done();
}

// What `count` has come to when it has not changed for half a second.
inline size_t settled(HttpClient& client, const std::function<size_t()>& count) {
  size_t before = count() + 1;
  for (int i = 0; i < 60 && count() != before; ++i) {
    before = count();
    drive(
        client, [] { return false; }, 500ms);
  }
  EXPECT_EQ(count(), before);
  return before;
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline UniqueFd connect_raw(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(port);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

inline bool send_raw(int fd, std::string_view bytes) {
  return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

inline std::string read_all(int fd) {
  std::string all;
  char chunk[65536];
  ssize_t got;
  while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0) all.append(chunk, static_cast<size_t>(got));
  return all;
}

// Takes connections one after the other and does with each what `talk` says, in a thread; `talk` ends when its sends
// fail.
class RawServer {
 public:
  explicit RawServer(std::function<void(int fd)> talk) : listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_.get(), 16), 0);
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, talk = std::move(talk)] { serve(talk); });
  }
  ~RawServer() {
    shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  void serve(const std::function<void(int)>& talk) {
    while (true) {
      UniqueFd fd(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      char request[4096];
      if (recv(fd.get(), request, sizeof request, 0) > 0) talk(fd.get());
    }
  }

  UniqueFd listening_;
  uint16_t port_ = 0;
  std::thread thread_;
};

// What a stream told.
struct Told {
  std::optional<HttpHead> head;
  std::string data;
  std::vector<std::string> lines;
  bool ended = false;
  std::optional<HttpFailure> failure;
  std::string why() const { return failure ? failure->error.message() : "no failure"; }
};

inline HttpStream listen_to(Told& told, std::string url, size_t max_line = 0) {
  HttpStream stream;
  stream.call.url = std::move(url);
  stream.max_line = max_line;
  stream.on_head = [&told](const HttpHead& head) { told.head = head; };
  stream.on_data = [&told, max_line](std::string_view bytes) {
    if (max_line > 0) {
      told.lines.emplace_back(bytes);
    } else {
      told.data.append(bytes);
    }
    return Flow::kGoOn;
  };
  stream.on_end = [&told](const std::optional<HttpFailure>& failure) {
    EXPECT_FALSE(told.ended);
    told.ended = true;
    told.failure = failure;
  };
  return stream;
}

}  // namespace ordeal::net
