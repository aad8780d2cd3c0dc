#include "platform/net/fetcher.h"

#include <deque>

namespace ordeal::net {

namespace {
constexpr size_t kMostReady = size_t{256} << 10;  // bytes that wait to be asked for, or one piece
constexpr size_t kEach = 64;                      // what a piece takes besides
}  // namespace

struct FetchStream::State {
  State(Loop& loop, HttpClient& c) : signal(loop), client(c) {}

  Signal signal;
  HttpClient& client;
  HttpClient::Ticket ticket = 0;
  std::optional<HttpHead> head;
  std::deque<std::string> ready;
  size_t bytes = 0;
  bool paused = false;
  bool ended = false;
  std::optional<HttpFailure> failure;

  Flow take(std::string_view piece) {
    ready.emplace_back(piece);
    signal.notify();
    bytes += piece.size() + kEach;
    paused = bytes >= kMostReady;
    return paused ? Flow::kPause : Flow::kGoOn;
  }
  void end(const std::optional<HttpFailure>& why) {
    ended = true;
    failure = why;
    signal.notify();
  }
};

FetchStream::FetchStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
FetchStream::FetchStream(FetchStream&&) noexcept = default;
FetchStream::~FetchStream() {
  if (state_) state_->client.cancel(state_->ticket);
}

const std::optional<HttpFailure>& FetchStream::failure() const { return state_->failure; }
void FetchStream::resume() { state_->client.resume(state_->ticket); }

Task<std::optional<HttpHead>> FetchStream::head() {
  auto state = state_;
  while (!state->head && !state->ended) co_await state->signal.wait();
  co_return state->head;
}

Task<std::optional<std::string>> FetchStream::next() {
  auto state = state_;
  while (state->ready.empty() && !state->ended) co_await state->signal.wait();
  if (state->ready.empty()) co_return std::nullopt;
  std::string piece = std::move(state->ready.front());
  state->ready.pop_front();
  state->bytes -= piece.size() + kEach;
  if (state->bytes < kMostReady / 2 && std::exchange(state->paused, false)) state->client.resume(state->ticket);
  co_return piece;
}

Result<std::unique_ptr<Fetcher>> Fetcher::create(Loop& loop) {
  std::unique_ptr<Fetcher> fetcher(new Fetcher(loop, TRY(HttpClient::create())));
  loop.watch(fetcher->client_.descriptor(), [raw = fetcher.get()] { raw->client_.dispatch(); });
  return fetcher;
}

Task<HttpOutcome> Fetcher::fetch(HttpCall call) {
  struct Waiting {
    explicit Waiting(Loop& loop) : signal(loop) {}
    Signal signal;
    std::optional<HttpOutcome> outcome;
  };
  auto waiting = std::make_shared<Waiting>(loop_);
  client_.start(std::move(call), [waiting](HttpOutcome outcome) {
    waiting->outcome = std::move(outcome);
    waiting->signal.notify();
  });
  while (!waiting->outcome) co_await waiting->signal.wait();
  co_return std::move(*waiting->outcome);
}

FetchStream Fetcher::open(HttpStream stream) {
  auto state = std::make_shared<FetchStream::State>(loop_, client_);
  std::weak_ptr<FetchStream::State> weak = state;
  stream.on_head = [weak](const HttpHead& head) {
    if (auto to = weak.lock()) (to->head = head, to->signal.notify());
  };
  stream.on_data = [weak](std::string_view bytes) {
    auto to = weak.lock();
    return to ? to->take(bytes) : Flow::kPause;
  };
  stream.on_end = [weak](const auto& failure) {
    if (auto to = weak.lock()) to->end(failure);
  };
  state->ticket = client_.stream(std::move(stream));
  return FetchStream(std::move(state));
}

}  // namespace ordeal::net
