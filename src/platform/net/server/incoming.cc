#include "platform/net/server/incoming.h"

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

namespace ordeal::net {

namespace http = boost::beast::http;

namespace {

constexpr size_t kRead = size_t{32} << 10;

// Takes what comes and no more: Beast's own string body makes room at once for the length that the client says.
struct PieceBody {
  using value_type = std::string;
  class reader {
   public:
    template <bool isRequest, class Fields>
    reader(http::header<isRequest, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>&, boost::system::error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      size_t before = body_.size();
      for (auto buffer : boost::beast::buffers_range_ref(buffers))
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
      return body_.size() - before;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

using Parser = http::request_parser<PieceBody>;

int status_of(const boost::system::error_code& error) { return error == http::error::header_limit ? 431 : 400; }

}  // namespace

struct Incoming::Parsing {
  std::optional<Parser> parser;
  std::string buffer;  // came, and is not taken apart
  std::vector<char> chunk = std::vector<char>(kRead);
  size_t most_body = 0;
  size_t body_bytes = 0;
  bool promised = false;
  bool broken = false;
};

Incoming::Incoming(Stream& stream, const HttpServerOptions& options)
    : stream_(stream), options_(options), parsing_(std::make_unique<Parsing>()) {}
Incoming::~Incoming() = default;

void Incoming::begin() {
  Parsing& p = *parsing_;
  p.parser.emplace();
  p.parser->header_limit(static_cast<uint32_t>(options_.max_header));
  p.parser->body_limit(boost::none);
  p.parser->eager(false);
  p.body_bytes = 0;
  p.most_body = options_.max_body;
  p.promised = p.broken = false;
}

bool Incoming::nothing_came() const { return parsing_->buffer.empty(); }
bool Incoming::keep_alive() const { return parsing_->parser->get().keep_alive(); }
bool Incoming::http_1_0() const { return parsing_->parser->get().version() < 11; }
bool Incoming::whole() const { return !parsing_->broken && parsing_->parser->is_done(); }

// 0, or the status of what is wrong. Without progress it needs more bytes, but not more than a head may have: a chunk's
// extension has no end of its own.
int Incoming::parse() {
  Parsing& p = *parsing_;
  boost::system::error_code error;
  size_t taken = p.parser->put(boost::asio::buffer(p.buffer), error);
  p.buffer.erase(0, taken);
  if (error && error != http::error::need_more) return status_of(error);
  if (taken == 0 && p.buffer.size() > options_.max_header + kRead) return p.parser->is_header_done() ? 400 : 431;
  auto& body = p.parser->get().body();
  return p.body_bytes + body.size() > p.most_body ? 413 : 0;
}

// Takes apart what is there, else waits for more.
Task<int> Incoming::step() {
  Parsing& p = *parsing_;
  if (!p.buffer.empty()) {
    size_t before = p.buffer.size();
    int status = parse();
    if (status != 0 || p.parser->is_done() || p.buffer.size() < before) co_return status;
  }
  bool promised = co_await promise_to_go_on();
  if (!promised) co_return kPeerGone;
  size_t got = co_await stream_.read_some(p.chunk);
  if (got == 0) co_return kPeerGone;
  p.buffer.append(p.chunk.data(), got);
  co_return 0;
}

// Who sends "Expect: 100-continue" waits for it before the body.
Task<bool> Incoming::promise_to_go_on() {
  Parsing& p = *parsing_;
  if (!p.parser->is_header_done() || p.promised) co_return true;
  p.promised = true;
  if (p.parser->get()[http::field::expect] != "100-continue") co_return true;
  co_return co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
}

Task<int> Incoming::read_head(const std::function<void()>& came) {
  Parsing& p = *parsing_;
  bool told = false;
  while (!p.parser->is_header_done()) {
    int status = co_await step();
    if (status != 0) co_return status;
    if (!std::exchange(told, true)) came();
  }
  p.parser->eager(true);
  co_return 0;
}

HttpRequest Incoming::request() const {
  const auto& message = parsing_->parser->get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  size_t mark = target.find('?');
  request.path = percent_decode(target.substr(0, mark));
  if (mark != std::string_view::npos) request.query = std::string(target.substr(mark + 1));
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  return request;
}

int Incoming::limit_body(size_t most) {
  parsing_->most_body = most;
  auto length = parsing_->parser->content_length();
  return length && *length > most ? 413 : 0;
}

Task<int> Incoming::read_body(std::string& body) {
  Parsing& p = *parsing_;
  while (!p.parser->is_done()) {
    int status = co_await step();
    if (status != 0) co_return status;
  }
  body = std::move(p.parser->get().body());
  co_return 0;
}

Task<std::string> Incoming::read() {
  Parsing& p = *parsing_;
  std::string& body = p.parser->get().body();
  while (body.empty() && !p.parser->is_done() && !p.broken) {
    stream_.set_deadline(options_.idle_timeout);
    p.broken = co_await step() != 0;
  }
  stream_.set_deadline(kNoDeadline);
  p.body_bytes += body.size();
  if (p.broken) body.clear();
  co_return std::exchange(body, {});
}

}  // namespace ordeal::net
