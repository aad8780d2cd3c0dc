#include "net/http_session.h"

#include <fmt/core.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/local_host.h"

namespace ordeal::net {

namespace http = boost::beast::http;

namespace {

constexpr int kPeerGone = -1;
using Parser = http::request_parser<http::string_body>;

std::string serialise(const HttpResponse& response, bool keep_alive, bool head) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n", response.status,
                                 reason_phrase(response.status), response.content_type, response.body.size());
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  if (!head) text += response.body;
  return text;
}

HttpRequest convert(Parser& parser) {
  auto& message = parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  size_t mark = target.find('?');
  request.path = percent_decode(target.substr(0, mark));
  if (mark != std::string_view::npos) request.query = std::string(target.substr(mark + 1));
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  return request;
}

int status_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

class Session {
 public:
  Session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state)
      : stream_(stream), options_(options), handler_(handler), state_(state) {}

  Task<> run() {
    while (!state_.stopping) {
      Parser parser;
      parser.header_limit(static_cast<uint32_t>(options_.max_header));
      parser.body_limit(options_.max_body);
      parser.eager(true);
      state_.idle = buffer_.empty();
      stream_.set_deadline(options_.idle_timeout);
      int status = co_await read_request(parser);
      if (status == kPeerGone) co_return;
      bool keep = status == 0 && parser.get().keep_alive();
      bool head = status == 0 && parser.get().method() == http::verb::head;
      HttpResponse response;
      if (status == 0) {
        HttpRequest request = convert(parser);
        response = co_await answer(request);
      } else {
        response = {status, std::string(reason_phrase(status)) + "\n"};
      }
      keep = keep && !state_.stopping;
      std::string bytes = serialise(response, keep, head);
      bool written = co_await stream_.write(bytes);
      if (!written || !keep) co_return;
    }
  }

 private:
  // 0 when the request is whole, else the status that refuses it, or kPeerGone.
  Task<int> read_request(Parser& parser) {
    bool promised = false;
    while (true) {
      boost::system::error_code error;
      if (!buffer_.empty()) {
        buffer_.erase(0, parser.put(boost::asio::buffer(buffer_), error));
        if (error && error != http::error::need_more) co_return status_of(error);
        if (parser.is_done()) co_return 0;
        if (parser.is_header_done() && !promised && parser.get()[http::field::expect] == "100-continue") {
          promised = true;
          bool written = co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
          if (!written) co_return kPeerGone;
        }
      }
      bool more = co_await fill();
      if (!more) co_return kPeerGone;
    }
  }

  Task<bool> fill() {
    char chunk[8192];
    size_t got = co_await stream_.read_some(chunk);
    if (got == 0) co_return false;
    if (state_.idle) stream_.set_deadline(options_.request_timeout);
    state_.idle = false;
    buffer_.append(chunk, got);
    co_return true;
  }

  Task<HttpResponse> answer(const HttpRequest& request) {
    if (auto refused = refuse_foreign(request, options_.address)) co_return std::move(*refused);
    try {
      co_return co_await handler_(request);
    } catch (const std::exception& exception) {
      co_return HttpResponse{500, fmt::format("internal error: {}\n", exception.what())};
    }
  }

  Stream& stream_;
  const HttpServerOptions& options_;
  const Handler& handler_;
  SessionState& state_;
  std::string buffer_;
};

}  // namespace

Task<> serve_session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state) {
  Session session(stream, options, handler, state);
  co_await session.run();
}

}  // namespace ordeal::net
