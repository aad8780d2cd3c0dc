// ScriptServer: a net::TestServer that answers what a test says and keeps what it was asked. For tests; not for
// programs.
#pragma once

#include <poll.h>
#include <strings.h>

#include <mutex>
#include <stdexcept>

#include "platform/kube/client.h"
#include "platform/kube/testing/recorded.h"
#include "platform/net/test_server.h"

namespace ordeal::kube {

struct Reply {
  int status = 200;
  std::string body{};
  net::Headers headers{};
  std::string type = "application/json";
  size_t piece = 0;     // not 0: chunked, in pieces of so many bytes
  bool hangs = false;   // chunked, and after `body` nothing more until the test ends
  bool breaks = false;  // chunked, and the connection ends without the body's end
};

// What was recorded, with its status, headers and body.
inline Reply reply_of(const Recorded& recorded, size_t piece = 0) {
  Reply reply{recorded.status, recorded.body};
  reply.piece = piece;
  for (const auto& [name, value] : recorded.headers) {
    if (strcasecmp(name.c_str(), "Content-Type") == 0) {
      reply.type = value;
    } else if (name != "Content-Length" && name != "Transfer-Encoding") {
      reply.headers.emplace_back(name, value);
    }
  }
  return reply;
}

class ScriptServer {
 public:
  struct Asked {
    std::string method, path, query, body;
    net::Headers headers;
    std::string header(const std::string& name) const {
      const std::string* found = net::find_header(headers, name);
      return found ? *found : "";
    }
    // Of the query, decoded; "" where it is absent.
    std::string value(const std::string& name) const {
      for (std::string_view part : split(query, '&'))
        if (part.substr(0, part.find('=')) == name) return net::percent_decode(part.substr(name.size() + 1));
      return "";
    }
  };
  // Called in the server's thread, one at a time.
  using Answerer = std::function<Reply(const Asked&)>;

  explicit ScriptServer(Answerer answerer, net::HttpServerOptions options = {})
      : answerer_(std::move(answerer)), server_([this](const net::HttpRequest& r) { return handle(r); }, options) {}

  Access access() const {
    Access access;
    access.server = server_.url("");
    access.context = "test";
    access.origin = "nowhere";
    return access;
  }
  uint16_t port() const { return server_.port(); }
  std::vector<Asked> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  net::Task<net::HttpResponse> handle(const net::HttpRequest& request) {
    Asked asked{request.method, request.path, request.query, request.body, request.headers};
    Reply reply;
    {
      std::lock_guard lock(mutex_);
      asked_.push_back(asked);
      reply = answerer_(asked);
    }
    net::HttpResponse response;
    response.status = reply.status;
    response.content_type = reply.type;
    response.headers = reply.headers;
    response.body = reply.body;
    if (reply.piece > 0 || reply.hangs || reply.breaks) {
      auto shared = std::make_shared<Reply>(std::move(reply));
      response.stream = [this, shared](net::BodyWriter& out) { return write(shared, out); };
    }
    co_return response;
  }

  net::Task<> write(std::shared_ptr<Reply> reply, net::BodyWriter& out) {
    std::string_view rest = reply->body;
    size_t piece = reply->piece > 0 ? reply->piece : rest.size();
    while (!rest.empty()) {
      co_await out.write(rest.substr(0, piece));
      rest.remove_prefix(std::min(piece, rest.size()));
    }
    while (reply->hangs && !out.stopping()) co_await server_.loop().sleep(5ms);
    if (reply->breaks) throw std::runtime_error("a broken connection");
  }

  mutable std::mutex mutex_;
  std::vector<Asked> asked_;
  Answerer answerer_;
  net::TestServer server_;
};

// False when `done` has not come true after `within`.
inline bool drive(Client& client, const std::function<bool()>& done, Nanos within = 30s) {
  BootTime until = boot_now() + within;
  while (!done() && boot_now() < until) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    poll(&wait, 1, client.next_wake() <= boot_now() ? 0 : 5);
    client.dispatch();
  }
  return done();
}

inline std::unique_ptr<Client> client_of(Access access) {
  auto client = Client::create(std::move(access));
  EXPECT_TRUE(client) << client.error().message();
  return std::move(*client);
}

}  // namespace ordeal::kube
