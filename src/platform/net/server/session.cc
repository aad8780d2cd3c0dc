#include "platform/net/server/session.h"

#include <fmt/core.h>

#include "platform/net/local_host.h"
#include "platform/net/server/incoming.h"

namespace ordeal::net {

namespace {

constexpr size_t kPiece = size_t{64} << 10;  // of what has to be taken within the time-out
constexpr Nanos kFarewell = 1s;

enum class Framing { kLength, kChunked, kUntilClose };

std::string head_text(const HttpResponse& response, Framing framing, bool keep_alive) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", response.status,
                                 reason_phrase(response.status), response.content_type);
  if (framing == Framing::kLength) text += fmt::format("Content-Length: {}\r\n", response.body.size());
  if (framing == Framing::kChunked) text += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return text;
}

// Writes to one connection with the time-out for a client that does not read.
class Outgoing : public BodyWriter {
 public:
  Outgoing(Stream& stream, const HttpServerOptions& options, SessionState& state)
      : stream_(stream), options_(options), state_(state) {}
  ~Outgoing() override { state_.on_stop = nullptr; }

  void set_chunked(bool chunked) { chunked_ = chunked; }
  Task<bool> write_raw(std::string_view bytes) {
    while (!bytes.empty() && !gone_) {
      stream_.set_deadline(options_.write_timeout);
      gone_ = !co_await stream_.write(bytes.substr(0, kPiece));
      bytes.remove_prefix(std::min(kPiece, bytes.size()));
    }
    stream_.set_deadline(kNoDeadline);
    co_return !gone_;
  }
  Task<bool> write(std::string_view bytes) override {
    if (bytes.empty() || gone_) co_return !gone_;
    if (!chunked_) co_return co_await write_raw(bytes);
    std::string framed = fmt::format("{:x}\r\n", bytes.size());
    framed.append(bytes).append("\r\n");
    co_return co_await write_raw(framed);
  }
  bool stopping() const override { return state_.stopping; }
  void on_stop(std::function<void()> function) override { state_.on_stop = std::move(function); }

 private:
  Stream& stream_;
  const HttpServerOptions& options_;
  SessionState& state_;
  bool chunked_ = false;
  bool gone_ = false;
};

class Session {
 public:
  Session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state)
      : stream_(stream), options_(options), handler_(handler), state_(state), incoming_(stream, options) {}

  Task<> run() {
    bool go_on = true;
    while (go_on && !state_.stopping) {
      incoming_.begin();
      state_.idle = incoming_.nothing_came();
      stream_.set_deadline(state_.idle ? options_.idle_timeout : options_.request_timeout);
      HttpRequest request;
      int status = co_await receive(request);
      if (status == Incoming::kPeerGone) co_return;
      stream_.set_deadline(kNoDeadline);
      go_on = co_await answer(request, status);
    }
    stream_.set_deadline(kFarewell);
    bool unread = !incoming_.whole() || !incoming_.nothing_came();
    co_await stream_.finish(unread);
  }

 private:
  // 0, or the status of a refusal, or kPeerGone.
  Task<int> receive(HttpRequest& request) {
    std::function<void()> came = [this] {
      if (std::exchange(state_.idle, false)) stream_.set_deadline(options_.request_timeout);
    };
    int status = co_await incoming_.read_head(came);
    if (status != 0) co_return status;
    request = incoming_.request();
    bool streamed = options_.streams_body && options_.streams_body(request);
    status = incoming_.limit_body(streamed ? options_.max_streamed_body : options_.max_body);
    if (streamed) request.incoming = &incoming_;
    if (status != 0 || streamed) co_return status;
    co_return co_await incoming_.read_body(request.body);
  }

  // Whether another request may follow.
  Task<bool> answer(const HttpRequest& request, int status) {
    HttpResponse response{status, std::string(reason_phrase(status)) + "\n"};
    if (status == 0) response = co_await ask(request);
    bool keep = status == 0 && incoming_.keep_alive() && incoming_.whole() && !state_.stopping;
    if (response.stream && request.method != "HEAD") co_return co_await stream_answer(response, keep);
    std::string bytes = head_text(response, response.stream ? Framing::kChunked : Framing::kLength, keep);
    if (request.method != "HEAD") bytes += response.body;
    Outgoing out(stream_, options_, state_);
    bool written = co_await out.write_raw(bytes);
    co_return written&& keep;
  }

  Task<bool> stream_answer(const HttpResponse& response, bool keep) {
    bool chunked = !incoming_.http_1_0();
    keep = keep && chunked;
    Outgoing out(stream_, options_, state_);
    std::string head = head_text(response, chunked ? Framing::kChunked : Framing::kUntilClose, keep);
    bool written = co_await out.write_raw(head);
    if (!written) co_return false;
    out.set_chunked(chunked);
    co_await response.stream(out);
    if (chunked) written = co_await out.write_raw("0\r\n\r\n");
    co_return written&& keep&& incoming_.whole();
  }

  Task<HttpResponse> ask(const HttpRequest& request) {
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
  Incoming incoming_;
};

}  // namespace

Task<> serve_session(Stream& stream, const HttpServerOptions& options, const Handler& handler, SessionState& state) {
  Session session(stream, options, handler, state);
  try {
    co_await session.run();
  } catch (const std::exception&) {
    // An answer that failed in its middle: closing tells the client that it is not whole.
  }
}

}  // namespace ordeal::net
