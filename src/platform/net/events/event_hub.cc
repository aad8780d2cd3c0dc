#include "platform/net/events/event_hub.h"

#include <fmt/core.h>

#include <deque>

#include "core/base/defer.h"
#include "core/base/text/text.h"
#include "platform/net/events/event.h"

namespace ordeal::net {

namespace {
constexpr size_t kBatch = size_t{64} << 10;
constexpr uint64_t kUnknown = UINT64_MAX;
}  // namespace

struct EventHub::State {
  State(Loop& loop, EventHubOptions o) : options(std::move(o)), signal(loop) {}

  EventHubOptions options;
  Signal signal;
  std::deque<std::string> ring;  // as they are sent
  uint64_t first = 1;            // the number of ring.front()
  size_t bytes = 0;
  size_t readers = 0;
  bool closed = false;

  uint64_t end() const { return first + ring.size(); }

  void add(std::string text) {
    bytes += text.size();
    ring.push_back(std::move(text));
    while (ring.size() > 1 && (ring.size() > options.most_events || bytes > options.most_bytes)) {
      bytes -= ring.front().size();
      ring.pop_front();
      ++first;
    }
    signal.notify();
  }

  // The number that comes after `id`; kUnknown for one of another epoch.
  uint64_t after(std::string_view id) const {
    size_t colon = id.rfind(':');
    if (colon == std::string_view::npos || id.substr(0, colon) != options.epoch) return kUnknown;
    auto number = parse_number<uint64_t>(id.substr(colon + 1));
    return number && *number < end() ? *number + 1 : kUnknown;
  }
  uint64_t begin_of(const HttpRequest& request) const {
    const std::string* last = find_header(request.headers, "Last-Event-ID");
    if (last && !last->empty()) return after(*last);
    return options.from_the_start ? first : end();
  }

  static std::string lost(std::string_view number) {
    return *event_text({"lost", fmt::format(R"({{"missed": {}}})", number), ""});
  }
  // What follows `next`, which moves on.
  std::string batch(uint64_t& next) const {
    std::string text;
    if (next == kUnknown || next < first) {
      text = lost(next == kUnknown ? "null" : std::to_string(first - next));
      next = first;
    }
    while (next < end() && text.size() < kBatch) text += ring[next++ - first];
    return text;
  }
};

namespace {

Task<> serve(std::shared_ptr<EventHub::State> state, uint64_t next, BodyWriter& out) {
  ++state->readers;
  Defer leave([&] { --state->readers; });
  out.on_stop([raw = state.get()] { raw->signal.notify(); });
  std::string text = retry_text(state->options.retry);
  bool taken = true;
  while (taken) {
    text += state->batch(next);
    if (out.stopping() || (text.empty() && state->closed)) co_return;
    if (text.empty()) {
      bool told = co_await state->signal.wait(state->options.keep_alive);
      if (told) continue;
      text = comment_text("");
    }
    taken = co_await out.write(text);
    text.clear();
  }
}

}  // namespace

EventHub::EventHub(Loop& loop, EventHubOptions options) : state_(std::make_shared<State>(loop, std::move(options))) {}
EventHub::~EventHub() { close(); }

Result<> EventHub::publish(const std::string& type, std::string data) {
  if (state_->closed) return {};
  std::string id = fmt::format("{}:{}", state_->options.epoch, state_->end());
  state_->add(TRY(event_text({type, std::move(data), std::move(id)})));
  return {};
}

HttpResponse EventHub::answer(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return {405, "only GET\n"};
  if (state_->closed) return {503, "there are no more events\n"};
  if (state_->readers >= state_->options.most_readers) return {503, "there are too many readers\n"};
  HttpResponse response{200, "", "text/event-stream", {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}};
  response.stream = [state = state_, next = state_->begin_of(request)](BodyWriter& out) {
    return serve(state, next, out);
  };
  return response;
}

void EventHub::close() {
  state_->closed = true;
  state_->signal.notify();
}

size_t EventHub::readers() const { return state_->readers; }

}  // namespace ordeal::net
