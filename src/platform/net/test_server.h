// TestServer: an HttpServer on a free port of loopback with a thread of its own, for tests. Not for programs.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "platform/net/http_server.h"

namespace ordeal::net {

class TestServer {
 public:
  explicit TestServer(Handler handler, HttpServerOptions options = {}) {
    auto server = HttpServer::listen(loop_, std::move(options), std::move(handler));
    EXPECT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    port_ = server_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~TestServer() {
    loop_.post([this] { server_->stop(); });
    thread_.join();
  }
  Loop& loop() { return loop_; }
  uint16_t port() const { return port_; }
  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

 private:
  Loop loop_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace ordeal::net
